//! Without limits a session takes every process, every open file and all locked memory that its user may have: the user's own
//! shell then cannot start a program. The limits are read, and nothing is used up.   (threats: RES-01, RES-02, RES-05, RES-06)
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

use crate::probe::*;

const LIMITS: [(&str, Resource); 4] = [
    ("processes", Resource::RLIMIT_NPROC),
    ("address space or memory", Resource::RLIMIT_AS),
    ("queued signals", Resource::RLIMIT_SIGPENDING),
    ("open files", Resource::RLIMIT_NOFILE),
];

pub const PROBE: Probe = Probe {
    asks: "may it take as many processes, files and memory as its user?",
    threats: &["RES-01", "RES-02", "RES-05", "RES-06"],
    needs: &[Need::Unbuilt(Unbuilt::Limits)],
    expect: Expect::Exactly(|_| Seen::each(LIMITS.map(|(name, _)| name), |_| Act::saw("limited"))),
    attempt: |_| {
        let mut seen = Seen::default();
        for (name, limit) in LIMITS {
            let act = match getrlimit(limit) {
                Ok((_, RLIM_INFINITY)) => Act::saw("unlimited"),
                Ok(_) => Act::saw("limited"),
                Err(errno) => Act::errno(errno),
            };
            seen.add(name, act);
        }
        seen
    },
    ..Probe::USUAL
};
