//! Not the granted folder itself but one above it is put aside between the audit and the start, and a link leads elsewhere:
//! the last part of the path is still a folder.   (threats: MNT-02)
use std::fs;
use std::os::unix::fs::symlink;

use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does what lies behind a swapped parent of a granted folder enter?",
    threats: &["MNT-02"],
    behind: &[Guard::SourcesPinned],
    also_as_root: true,
    meddle: Some(|bait| {
        let parent = bait.granted.parent().expect("a grant has a parent");
        let trap = bait.beside.join("trap");
        fs::rename(parent, bait.beside.join("moved"))?;
        fs::create_dir(&trap)?;
        symlink(bait.home.join(".ssh"), trap.join("granted"))?;
        symlink(&trap, parent)
    }),
    expect: Expect::Absent,
    attempt: |bait| {
        Seen::one(
            "a secret through the grant",
            inside::read(&bait.granted.join("id_ed25519")),
        )
    },
    ..Probe::USUAL
};
