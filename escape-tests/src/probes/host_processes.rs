//! A process of the same user outside: its arguments, its environment and its files are one /proc away.   (threats: PROC-01)
use std::fs;

use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does it see processes of the host?",
    threats: &["PROC-01"],
    behind: &[Guard::PidNamespace],
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::one("processes but this one and PID 1", Act::saw(0))
            .and("processes of the host", Act::saw(0))
    }),
    attempt: |bait| {
        let own = std::process::id();
        let pids = match inside::pids() {
            Ok(pids) => pids,
            Err(error) => return Seen::one("/proc", Act::of::<()>(Err(error))),
        };
        let others = pids.iter().filter(|pid| ![1, own].contains(pid));
        // The neighbour has the mark among its arguments.
        let is_neighbour = |pid: &&u32| {
            fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| bait.canaries_in(&line) > 0)
        };
        Seen::one("processes but this one and PID 1", Act::saw(others.count())).and(
            "processes of the host",
            Act::saw(pids.iter().filter(is_neighbour).count()),
        )
    },
    ..Probe::USUAL
};
