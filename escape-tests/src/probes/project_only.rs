//! Beside the project lie folders that the caller may write. The sandbox writes to the project alone.   (threats: FS-11, MNT-04)
use std::fs::OpenOptions;

use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it write to a folder of the host that nobody granted?",
    threats: &["FS-11"],
    behind: &[Guard::ProjectOnly],
    harmless: true,
    also_as_root: true,
    expect: Expect::Absent,
    attempt: |bait| {
        Seen::one("a new file", inside::create(&bait.beside.join("new"))).and(
            "a file that is there",
            Act::of(
                OpenOptions::new()
                    .write(true)
                    .truncate(true)
                    .open(bait.beside.join("file")),
            ),
        )
    },
    harmed: |bait| bait.there(&bait.beside.join("new")),
    ..Probe::USUAL
};
