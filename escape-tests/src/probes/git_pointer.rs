//! `.git` need not be a folder: a file in its place says where it lies. Every guard over the old one is then one over nothing.
//!   (threats: PER-05)
use std::fs;

use crate::harness::detonator;
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does git on the host follow a pointer that was put in place of its folder?",
    threats: &["PER-05"],
    behind: &[Guard::HostRunGuarded],
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(detonator::repository),
    then: &[Then::Host(detonator::day_of_git)],
    expect: Expect::Exactly(|_| {
        Seen::one("move the folder away", Act::errno(Errno::EBUSY))
            .and("a pointer", Act::errno(Errno::EISDIR))
    }),
    attempt: |bait| {
        let (git, moved) = (bait.project.join(".git"), bait.project.join(".kept"));
        let seen = Seen::one("move the folder away", Act::of(fs::rename(&git, &moved)));
        let monitor = detonator::command(bait, "pointer");
        let hostile = format!("[core]\n\tfsmonitor = \"{monitor}; :\"\n");
        // Fails where the folder was not moved, as it should.
        let _ = inside::append(&moved.join("config"), &hostile);
        seen.and("a pointer", inside::write(&git, "gitdir: .kept\n"))
    },
    harmed: super::programs_of_path::ran,
    ..Probe::USUAL
};
