//! A session that takes all memory has the kernel kill programs of its user. Of what could stop it the inside sees RLIMIT_AS
//! alone, which is read; nothing is used up.   (threats: RES-02)
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "may it take as much memory as the machine has?",
    threats: &["RES-02"],
    needs: &[Need::Unbuilt(Unbuilt::MemoryLimits)],
    expect: Expect::Exactly(|_| Seen::one("memory", Act::saw("limited"))),
    attempt: |_| {
        let act = match getrlimit(Resource::RLIMIT_AS) {
            Ok((_, RLIM_INFINITY)) => Act::saw("unlimited"),
            Ok(_) => Act::saw("limited"),
            Err(errno) => Act::errno(errno),
        };
        Seen::one("memory", act)
    },
    ..Probe::USUAL
};
