//! Each rule of the filter, and none instead of another: the same error number could come from the kernel, from another rule or
//! from another wall. Here the filter answers with one that nothing else gives, so that who refused is beyond doubt.
//!   (threats: KRN-04, KRN-05, KRN-08, KRN-10, TTY-03)
use claudebox::denied::{Call, Condition, Denied};
use claudebox::plan::Action;
use nix::libc::{self, c_long};

use crate::harness::inside::{in_child, system_call};
use crate::probe::*;

/// No system call gives it (errno(3) of Linux: "RFS specific error").
const OF_THE_FILTER: Errno = Errno::EDOTDOT;

/// ENOSYS stays what it is: C libraries fall back from it, and only from it.
fn known(call: &Call) -> Errno {
    match Errno::from_raw(call.errno) {
        Errno::ENOSYS => Errno::ENOSYS,
        _ => OF_THE_FILTER,
    }
}

/// A value that no rule names: neither a family of sockets nor a protocol that passes, and a personality that no program has.
const OTHER: c_long = 44;

/// What this rule refuses, and what is nonsense to the kernel, or for the length of a child.
fn arguments(call: &Call) -> [c_long; 6] {
    let mut arguments = [-1; 6];
    for condition in &call.only {
        let (at, value) = match *condition {
            Condition::Equal(at, value) | Condition::Bit(at, value) => (at, c_long::from(value)),
            Condition::Not(at, _) => (at, OTHER),
        };
        arguments[usize::from(at)] = value;
    }
    if call.number == libc::SYS_clone {
        // A thread with signal handlers of its own: EINVAL, before anything is made (clone(2)).
        arguments[0] |= c_long::from(libc::CLONE_THREAD);
    }
    arguments
}

fn each_rule(act: impl Fn(&Call) -> Act) -> Seen {
    let rules = Denied::ALL.iter().flat_map(|group| group.rules());
    rules.fold(Seen::default(), |seen, rule| {
        let made = act(&rule.call);
        seen.and(rule.name, made)
    })
}

pub const PROBE: Probe = Probe {
    asks: "does a call that is refused reach the kernel?",
    threats: &["KRN-04", "KRN-05", "KRN-08", "KRN-10", "TTY-03"],
    behind: FILTER,
    also_as_root: true,
    edited: Some(|plan, _| {
        for step in &mut plan.steps {
            if let Action::Deny { rules, .. } = &mut step.action {
                for rule in rules {
                    rule.call.errno = known(&rule.call) as i32;
                }
            }
        }
    }),
    expect: Expect::Exactly(|_| each_rule(|call| Act::errno(known(call)))),
    attempt: |_| {
        each_rule(|call| {
            let made = in_child(|| system_call(call.number, arguments(call)));
            match made {
                refused if refused == Act::errno(known(call)) => refused,
                broken @ Act::Broken(_) => broken,
                other => Act::saw(format!("the kernel's answer: {other}")),
            }
        })
    },
    ..Probe::USUAL
};
