//! Of what the host runs from the project, one file lies at its top and one in a folder. Neither can be written, and the folder
//! cannot be put aside. Only asked: nothing is written where a guard is gone, and a folder that is not empty cannot be removed.
//!   (threats: FS-19, PER-11)
use nix::unistd::{AccessFlags, access};

use crate::probe::*;

const NOTHING: &str = "nothing that the host runs is there";

pub const PROBE: Probe = Probe {
    asks: "can it write what the host runs from the project, or put its folder aside?",
    threats: &["FS-19", "PER-11"],
    behind: &[Guard::HostRunGuarded],
    harmless: true,
    also_as_root: true,
    expect: Expect::Exactly(|bait| {
        let mut seen = Seen::one(NOTHING, Act::saw(bait.host_runs.is_empty()));
        for path in &bait.host_runs {
            seen.add(
                format!("write {}", path.display()),
                Act::errno(Errno::EROFS),
            );
        }
        for folder in &bait.pinned {
            // A place where something is mounted cannot be removed (rmdir(2)).
            seen.add(
                format!("remove {}", folder.display()),
                Act::errno(Errno::EBUSY),
            );
        }
        seen
    }),
    attempt: |bait| {
        let mut seen = Seen::one(NOTHING, Act::saw(bait.host_runs.is_empty()));
        for path in &bait.host_runs {
            let may = access(path, AccessFlags::W_OK);
            seen.add(format!("write {}", path.display()), Act::of_nix(may));
        }
        for folder in &bait.pinned {
            let removed = std::fs::remove_dir(folder);
            seen.add(format!("remove {}", folder.display()), Act::of(removed));
        }
        seen
    },
    ..Probe::USUAL
};
