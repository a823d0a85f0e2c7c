//! A process that is stopped takes no signal but two. The launcher is killed while all that runs inside is stopped.
//!   (threats: RES-07, RES-08)

use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{ForkResult, fork};

use crate::harness::survivor::{end_by_itself, hold, ignore_signals, still_held};
use crate::probe::*;

const LOCK: &str = "stopped";

pub const PROBE: Probe = Probe {
    asks: "does a stopped process outlive the launcher?",
    threats: &["RES-07", "RES-08"],
    behind: &[Guard::DieWithParent, Guard::PidNamespace],
    also_as_root: true,
    ending: Ending::LauncherKilled,
    expect: Expect::Reached,
    attempt: |bait| {
        if let Err(broken) = hold(&bait.project.join(LOCK)) {
            return Seen::one("a lock", broken);
        }
        // SAFETY: the inside has one thread, so the child may do whatever its parent could.
        let act = match unsafe { fork() } {
            Ok(ForkResult::Child) => {
                end_by_itself();
                ignore_signals();
                loop {
                    // Whoever continues it finds it stopped again.
                    let _ = raise(Signal::SIGSTOP);
                }
            }
            Ok(ForkResult::Parent { child }) => {
                Act::of_nix(waitpid(child, Some(WaitPidFlag::WUNTRACED)))
            }
            Err(errno) => Act::errno(errno),
        };
        Seen::one("a stopped process", act)
    },
    harmed: |bait| {
        still_held(
            &bait.project.join(LOCK),
            "a stopped process outlived the launcher by two seconds",
        )
    },
    ..Probe::USUAL
};
