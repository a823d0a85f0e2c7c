//! Two sessions of one user have the same uid: with a list of processes in common, each could read the arguments and the
//! environment of the other, and signal it.   (threats: PROC-01, PROC-02, ENV-05)
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::sessions_network::company;
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it see or signal a process of another session?",
    threats: &["PROC-01", "PROC-02", "ENV-05"],
    behind: &[Guard::PidNamespace, Guard::SignalScope],
    also_as_root: true,
    needs: &[Need::LandlockScopes],
    in_company: true,
    expect: Expect::Exactly(|_| {
        // The number is that of this very process, in its own namespace.
        Seen::one("processes with the mark of the other", Act::saw(0)).and("kill(2)", Act::Reached)
    }),
    attempt: |bait| {
        let signalled =
            company(bait).map(|other| Act::of_nix(kill(Pid::from_raw(other.pid), Signal::SIGURG)));
        let theirs = inside::pids().map(|pids| {
            let marked = |pid: &u32| {
                let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                bait.canaries_in(&arguments) > 0
            };
            pids.into_iter().filter(marked).count()
        });
        Seen::one(
            "processes with the mark of the other",
            theirs.map_or_else(|error| Act::of::<()>(Err(error)), Act::saw),
        )
        .and("kill(2)", signalled.unwrap_or_else(|broken| broken))
    },
    harmed: |bait| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        bait.company_heard()
    },
    ..Probe::USUAL
};
