//! kill(0) goes to the whole process group, and a group reaches across PID namespaces: the caller's shell script, the
//! programs of its pipeline.   (threats: PROC-02)
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it signal the caller's process group?",
    threats: &["PROC-02"],
    behind: &[Guard::ProcessGroup, Guard::SignalScope],
    harmless: true,
    walls: true,
    needs: &[Need::LandlockScopes],
    // It reaches its own group, in which nobody listens.
    expect: Expect::Reached,
    attempt: |_| {
        Seen::one(
            "kill(0)",
            Act::of_nix(kill(Pid::from_raw(0), Signal::SIGURG)),
        )
    },
    harmed: super::signal_by_number::signalled,
    also_as_root: true,
    ..Probe::USUAL
};
