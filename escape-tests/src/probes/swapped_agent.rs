//! The agent's executable is the caller's own file too: a session elsewhere can put a link in its place while the person
//! reads the audit.   (threats: MNT-02, CRED-12)
use std::fs;
use std::os::unix::fs::symlink;

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does what was put in the place of the agent enter?",
    threats: &["MNT-02", "CRED-12"],
    behind: &[Guard::SourcesPinned],
    also_as_root: true,
    meddle: Some(|bait| {
        fs::rename(&bait.agent, bait.agent.with_extension("old"))?;
        symlink(&bait.secrets[0], &bait.agent)
    }),
    expect: Expect::Exactly(|_| Seen::one("canaries in the agent", Act::saw(0))),
    attempt: |bait| {
        let agent = fs::read("/run/claudebox/bin/claude");
        let canaries = agent.map(|agent| bait.canaries_in(&agent));
        Seen::one(
            "canaries in the agent",
            canaries.map_or_else(|error| Act::of::<()>(Err(error)), Act::saw),
        )
    },
    ..Probe::USUAL
};
