//! Two folders of the same owner, neither of them secret, are enough: what is granted is put aside between the audit and the
//! start, and a link in its place leads to what nobody granted.   (threats: MNT-02)
use std::fs;
use std::os::unix::fs::symlink;

use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does a folder that nobody granted enter through a link in the place of the granted one?",
    threats: &["MNT-02"],
    behind: &[Guard::SourcesPinned],
    also_as_root: true,
    harmless: true,
    meddle: Some(|bait| {
        fs::rename(&bait.granted, bait.beside.join("moved"))?;
        symlink(&bait.beside, &bait.granted)
    }),
    expect: Expect::Absent,
    attempt: |bait| {
        Seen::one(
            "what lies beside, through the grant",
            inside::read(&bait.granted.join("moved")),
        )
    },
    ..Probe::USUAL
};
