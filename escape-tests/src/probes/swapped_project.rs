//! The project enters read-write. A link in its place, made between the audit and the start, would give the agent the
//! caller's keys to write.   (threats: MNT-02, MNT-06)
use std::fs;
use std::os::unix::fs::symlink;

use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does what was put in the place of the project enter?",
    threats: &["MNT-02", "MNT-06"],
    behind: &[Guard::SourcesPinned],
    also_as_root: true,
    meddle: Some(|bait| {
        // What is mounted over itself is there too, or bwrap would stop at that.
        for path in bait.host_runs.iter().chain(&bait.hidden) {
            let below = path.strip_prefix(&bait.project).unwrap_or(path);
            let other = bait.home.join(".ssh").join(below);
            fs::create_dir_all(other.parent().unwrap_or(&other))?;
            if path.is_dir() {
                fs::create_dir_all(other)?;
            } else {
                fs::write(other, "")?;
            }
        }
        fs::rename(&bait.project, bait.project.with_file_name("moved"))?;
        symlink(bait.home.join(".ssh"), &bait.project)
    }),
    expect: Expect::Absent,
    attempt: |bait| {
        Seen::one(
            "a secret through the project",
            inside::read(&bait.project.join("id_ed25519")),
        )
        .and(
            "a key of the attacker's",
            inside::create(&bait.project.join("authorized_keys")),
        )
    },
    harmed: |bait| bait.there(&bait.home.join(".ssh/authorized_keys")),
    ..Probe::USUAL
};
