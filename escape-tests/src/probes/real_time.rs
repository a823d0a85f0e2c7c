//! A process with a real-time policy, or with a better priority than others, takes the machine from its user. So does one that
//! changes the scheduling of processes that are not its own.   (threats: RES-06)
use nix::libc;

use crate::harness::inside::{in_child, system_call};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it run before the programs of its user?",
    threats: &["RES-06"],
    // With one of them left, there is no capability over the machine.
    behind: &[Guard::UserNamespace, Guard::NoCapabilities, Guard::Limits],
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::one("SCHED_FIFO", Act::errno(Errno::EPERM))
            .and("a better priority", Act::errno(Errno::EACCES))
    }),
    attempt: |_| {
        // In a child, which ends at once.
        let policy = in_child(|| {
            let priority = 1_i32;
            let parameters = &raw const priority as i64;
            let policy = i64::from(libc::SCHED_FIFO);
            system_call(
                libc::SYS_sched_setscheduler,
                [0, policy, parameters, 0, 0, 0],
            )
        });
        let nice = in_child(|| {
            let which = i64::from(libc::PRIO_PROCESS);
            system_call(libc::SYS_setpriority, [which, 0, -5, 0, 0, 0])
        });
        Seen::one("SCHED_FIFO", policy).and("a better priority", nice)
    },
    ..Probe::USUAL
};
