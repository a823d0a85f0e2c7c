//! Behind the closed door of PID 1 there must be nothing either: bwrap starts with no variable, so PID 1 has none (M-01).
//!   (threats: ENV-02)
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does PID 1 hold the environment of the caller?",
    threats: &["ENV-02"],
    behind: &[Guard::InitProtected, Guard::EnvAllowlist],
    harmless: true,
    walls: true,
    expect: Expect::Exactly(|_| Seen::one("PID 1", Act::errno(Errno::EACCES))),
    attempt: |bait| {
        let mut seen = super::environment_files::canaries(bait);
        seen.0.retain(|what, _| what == "PID 1");
        seen
    },
    ..Probe::USUAL
};
