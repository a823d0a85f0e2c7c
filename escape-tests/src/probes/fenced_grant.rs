//! A folder that is shown read-only is behind two walls, the mount and Landlock's list. Each is enough for what both know of.
//!   (threats: FS-06, KRN-17)
use std::fs::{self, OpenOptions};
use std::os::unix::fs::symlink;

use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "with one of mount and Landlock gone, can it write into a folder that was granted read-only?",
    threats: &["FS-06", "KRN-17"],
    behind: &[Guard::RootReadOnly, Guard::LandlockFiles],
    walls: true,
    needs: &[Need::LandlockFence],
    harmless: true,
    also_as_root: true,
    // The mount is asked first; alone, Landlock says EACCES (`fenced_files`).
    expect: Expect::Refused(Errno::EROFS),
    attempt: |bait| {
        let file = bait.granted.join("file");
        Seen::one(
            "append",
            Act::of(OpenOptions::new().append(true).open(&file)),
        )
        .and("create", inside::create(&bait.granted.join("new")))
        .and(
            "make a folder",
            Act::of(fs::create_dir(bait.granted.join("folder"))),
        )
        .and("link", Act::of(symlink("/", bait.granted.join("link"))))
        .and(
            "rename",
            Act::of(fs::rename(&file, bait.granted.join("renamed"))),
        )
    },
    harmed: super::read_only_grant::changed,
    ..Probe::USUAL
};
