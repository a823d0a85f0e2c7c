//! A crash writes the memory of the agent, with the login in it, into a file of the project or to a handler of the host.
//!   (threats: PROC-11)
use std::fs;

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::{Signal, raise};

use crate::harness::inside::in_child;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does a crash leave the memory of a process behind?",
    threats: &["PROC-11"],
    behind: &[Guard::NoCoreDumps],
    also_as_root: true,
    needs: &[Need::CoreFiles],
    expect: Expect::Exactly(|_| {
        Seen::one("RLIMIT_CORE", Act::saw("0 0"))
            .and("raised again", Act::errno(Errno::EPERM))
            .and("core files", Act::saw(0))
    }),
    attempt: |bait| {
        let limit = getrlimit(Resource::RLIMIT_CORE);
        let limit = limit.map_or_else(Act::errno, |(soft, hard)| {
            Act::saw(format!("{soft} {hard}"))
        });
        let raised = in_child(|| {
            Act::of_nix(nix::sys::resource::setrlimit(
                Resource::RLIMIT_CORE,
                4096,
                4096,
            ))
        });
        // The child ends here, and says nothing.
        let _ = in_child(|| {
            let _ = raise(Signal::SIGQUIT);
            Act::Broken("it did not crash".into())
        });
        let left = fs::read_dir(&bait.project).map(|entries| {
            entries
                .flatten()
                .filter(|entry| entry.file_name().to_string_lossy().starts_with("core"))
                .count()
        });
        let left = left.map_or_else(|error| Act::of::<()>(Err(error)), Act::saw);
        Seen::one("RLIMIT_CORE", limit)
            .and("raised again", raised)
            .and("core files", left)
    },
    ..Probe::USUAL
};
