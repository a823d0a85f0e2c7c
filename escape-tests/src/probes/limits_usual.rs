//! What a session may use up where nobody said otherwise: processes, open files, locked memory. None can be raised again.
//!   (threats: RES-01, RES-05, RES-06)
use claudebox::limit::Limited;
use nix::sys::resource::{getrlimit, setrlimit};

use crate::harness::inside::in_child;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "may it take as many processes, files and locked pages as its user?",
    threats: &["RES-01", "RES-05", "RES-06"],
    behind: &[Guard::Limits],
    expect: Expect::Exactly(|_| {
        let mut seen = Seen::default();
        for on in Limited::SETTABLE {
            seen.add(on.name(), Act::saw("within"));
            seen.add(format!("{} raised", on.name()), Act::errno(Errno::EPERM));
        }
        seen
    }),
    attempt: |_| {
        let mut seen = Seen::default();
        for on in Limited::SETTABLE {
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
    },
    ..Probe::USUAL
};
