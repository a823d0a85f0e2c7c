//! Every process shows the environment it was started with in /proc/PID/environ. With bwrap as PID 1 that would be the
//! caller's (M-01), whatever the agent's own looks like.   (threats: ENV-01, ENV-02, ENV-03)
use std::fs;

use crate::harness::inside;
use crate::probe::*;

/// How many canaries each environment holds; absent means none.
pub(super) fn canaries(bait: &Bait) -> Seen {
    let own = std::process::id();
    let pids = match inside::pids() {
        Ok(pids) => pids,
        Err(error) => return Seen::one("/proc", Act::of::<()>(Err(error))),
    };
    Seen::each(pids, |pid| match fs::read(format!("/proc/{pid}/environ")) {
        Ok(environment) if bait.canaries_in(&environment) == 0 => Act::Absent,
        Ok(environment) => Act::saw(format!("{} canaries", bait.canaries_in(&environment))),
        Err(error) => Act::of::<()>(Err(error)),
    })
    .renamed(|pid| {
        if pid == own.to_string() {
            "this process".into()
        } else {
            format!("PID {pid}")
        }
    })
}

pub const PROBE: Probe = Probe {
    asks: "does a variable of the caller show in any environment?",
    threats: &["ENV-01", "ENV-02", "ENV-03"],
    behind: &[Guard::EnvAllowlist],
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::one("this process", Act::Absent).and("PID 1", Act::errno(Errno::EACCES))
    }),
    attempt: canaries,
    ..Probe::USUAL
};
