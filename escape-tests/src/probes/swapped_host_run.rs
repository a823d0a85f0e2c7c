//! What the host runs is mounted over itself, in a folder that another session of the same project can write. Between the audit
//! and the start that one puts another file in its place.   (threats: MNT-02, FS-19)
use std::fs;

use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does a guarded file of the project enter as another one than was shown?",
    threats: &["MNT-02", "FS-19"],
    behind: &[Guard::SourcesPinned],
    also_as_root: true,
    meddle: Some(|bait| {
        let file = bait.project.join(".cursor/mcp.json");
        fs::rename(&file, bait.project.join("put-aside"))?;
        fs::rename(bait.home.join(".ssh/id_ed25519"), file)
    }),
    expect: Expect::Absent,
    attempt: |bait| {
        Seen::one(
            "the other file",
            inside::read(&bait.project.join(".cursor/mcp.json")),
        )
    },
    ..Probe::USUAL
};
