//! Whether a crash is written down is a limit that each process has from its parent.   (threats: PROC-11)
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::harness::inside::in_child;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "may a crash be written down, or can it allow that?",
    threats: &["PROC-11"],
    behind: &[Guard::NoCoreDumps],
    also_as_root: true,
    harmless: true,
    expect: Expect::Exactly(|_| {
        Seen::one("RLIMIT_CORE", Act::saw("0 0")).and("raised again", Act::errno(Errno::EPERM))
    }),
    attempt: |_| {
        let limit = getrlimit(Resource::RLIMIT_CORE);
        let limit = limit.map_or_else(Act::errno, |(soft, hard)| {
            Act::saw(format!("{soft} {hard}"))
        });
        let raised = in_child(|| Act::of_nix(setrlimit(Resource::RLIMIT_CORE, 4096, 4096)));
        Seen::one("RLIMIT_CORE", limit).and("raised again", raised)
    },
    ..Probe::USUAL
};
