//! Beside its login Claude Code keeps transcripts, what was pasted, other projects' names, locks of editors with their
//! tokens, secrets of MCP servers. None of that enters.   (threats: CRED-02)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it read what the host's Claude Code keeps?",
    threats: &["CRED-02"],
    behind: &[Guard::HomeHidden],
    also_as_root: true,
    expect: Expect::Absent,
    attempt: |bait| {
        let state = bait.claude_state().map(|path| path.display());
        Seen::each(state, |path| inside::read(path.to_string().as_ref()))
    },
    ..Probe::USUAL
};
