//! Without limits a session takes every process, every queue and every waiting signal that its user may have, and runs before
//! the user's own programs: the user's shell then cannot start a program. Limits are read, nothing is used up, and what nobody
//! can set has the same bound on every host.   (threats: RES-05, RES-06)
use claudebox::limit::Limited;
use nix::libc;
use nix::sys::resource::{getrlimit, setrlimit};

use crate::harness::inside::{in_child, system_call};
use crate::probe::*;

/// What no flag and no profile changes.
fn fixed() -> impl Iterator<Item = Limited> {
    let settable = |on: &Limited| Limited::SETTABLE.contains(on);
    Limited::ALL.into_iter().filter(move |on| !settable(on))
}

/// Each as it is, and raised.
pub(super) fn measured(limits: impl Iterator<Item = Limited>) -> Seen {
    let mut seen = Seen::default();
    for on in limits {
        let hard = getrlimit(on.resource()).map(|(_, hard)| hard);
        let act = match hard {
            Ok(hard) if hard <= on.usual() => Act::saw("within"),
            Ok(hard) => Act::saw(hard),
            Err(errno) => Act::errno(errno),
        };
        seen.add(on.name(), act);
        let more = hard.unwrap_or(0) + 1;
        let raised = in_child(|| Act::of_nix(setrlimit(on.resource(), more, more)));
        seen.add(format!("{} raised", on.name()), raised);
    }
    seen
}

/// None is more than is usual, and none can be raised.
pub(super) fn within(limits: impl Iterator<Item = Limited>) -> Seen {
    let mut seen = Seen::default();
    for on in limits {
        seen.add(on.name(), Act::saw("within"));
        seen.add(format!("{} raised", on.name()), Act::errno(Errno::EPERM));
    }
    seen
}

pub const PROBE: Probe = Probe {
    asks: "may it queue, signal and hurry as much as its user?",
    threats: &["RES-05", "RES-06"],
    behind: &[Guard::Limits],
    harmless: true,
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        within(fixed())
            .and("SCHED_RR", Act::errno(Errno::EPERM))
            .and("a nice value of -1", Act::errno(Errno::EACCES))
    }),
    attempt: |_| {
        // In a child, which ends at once.
        let policy = in_child(|| {
            let priority = 1_i32;
            let parameters = &raw const priority as i64;
            let policy = i64::from(libc::SCHED_RR);
            system_call(
                libc::SYS_sched_setscheduler,
                [0, policy, parameters, 0, 0, 0],
            )
        });
        let nice = in_child(|| {
            let which = i64::from(libc::PRIO_PROCESS);
            system_call(libc::SYS_setpriority, [which, 0, -1, 0, 0, 0])
        });
        measured(fixed())
            .and("SCHED_RR", policy)
            .and("a nice value of -1", nice)
    },
    ..Probe::USUAL
};
