//! No link at all: a folder with secrets is moved to the place of the one that was granted. Only the identity of the folder
//! tells.   (threats: MNT-02, MNT-16)
use std::fs;

use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does a folder enter that was moved to the place of the granted one?",
    threats: &["MNT-02", "MNT-16"],
    behind: &[Guard::SourcesPinned],
    also_as_root: true,
    meddle: Some(|bait| {
        fs::rename(&bait.granted, bait.beside.join("moved"))?;
        fs::rename(bait.home.join(".ssh"), &bait.granted)
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
