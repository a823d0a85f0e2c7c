//! Between the audit and the start, a session that runs in a folder above puts a link in the place of a folder that was
//! granted: what is mounted is not what was shown (CVE-2024-42472).   (threats: MNT-02)
use std::fs;
use std::os::unix::fs::symlink;

use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does what was put in the place of a granted folder enter?",
    threats: &["MNT-02"],
    behind: &[Guard::SourcesPinned],
    meddle: Some(|bait| {
        fs::rename(&bait.granted, bait.beside.join("moved"))?;
        symlink(bait.home.join(".ssh"), &bait.granted)
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
