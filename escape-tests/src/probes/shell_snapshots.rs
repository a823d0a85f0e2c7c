//! Claude Code sources a snapshot of the shell before each command that it runs.   (threats: CRED-10)
use std::fs;

use crate::harness::inside;
use crate::probe::*;

const SNAPSHOT: &str = ".claude/shell-snapshots/snapshot-bash-0.sh";

pub const PROBE: Probe = Probe {
    asks: "can it change a shell snapshot of the host's Claude Code?",
    threats: &["CRED-10"],
    behind: &[Guard::HomeHidden],
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::one("the one of the host", Act::Absent).and(SNAPSHOT, Act::Reached)
    }),
    attempt: |bait| {
        let path = bait.home.join(SNAPSHOT);
        let there = Act::of(fs::OpenOptions::new().append(true).open(path));
        let written = inside::write_in_home(bait, &[(SNAPSHOT, "attack")]);
        written.and("the one of the host", there)
    },
    harmed: Bait::claude_state_changed,
    ..Probe::USUAL
};
