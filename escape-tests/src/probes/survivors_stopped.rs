//! A process that is stopped takes no signal but two. The launcher is killed while all that runs inside is stopped.
//!   (threats: RES-07, RES-08)
use std::fs::File;

use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{ForkResult, fork};

use crate::probe::*;

const LOCK: &str = "stopped";

pub const PROBE: Probe = Probe {
    asks: "does a stopped process outlive the launcher?",
    threats: &["RES-07", "RES-08"],
    behind: &[Guard::DieWithParent],
    also_as_root: true,
    ending: Ending::LauncherKilled,
    expect: Expect::Reached,
    attempt: |bait| {
        let locked = File::create(bait.project.join(LOCK))
            .map_err(|error| error.to_string())
            .and_then(|file| {
                Flock::lock(file, FlockArg::LockExclusiveNonblock)
                    .map_err(|(_, errno)| errno.to_string())
            });
        let lock = match locked {
            Ok(lock) => lock,
            Err(why) => return Seen::one("a lock", Act::Broken(why)),
        };
        // SAFETY: the inside has one thread, so the child may do whatever its parent could.
        let act = match unsafe { fork() } {
            Ok(ForkResult::Child) => loop {
                // Whoever continues it finds it stopped again.
                let _ = raise(Signal::SIGSTOP);
            },
            Ok(ForkResult::Parent { child }) => {
                Act::of_nix(waitpid(child, Some(WaitPidFlag::WUNTRACED)))
            }
            Err(errno) => Act::errno(errno),
        };
        // Unlocking would unlock for the child too.
        std::mem::forget(lock);
        Seen::one("a stopped process", act)
    },
    harmed: |bait| {
        let file = match File::open(bait.project.join(LOCK)) {
            Ok(file) => file,
            Err(error) => return Some(format!("the process left no trace: {error}")),
        };
        let free = Flock::lock(file, FlockArg::LockExclusiveNonblock).is_ok();
        (!free).then(|| "a stopped process outlived the launcher by two seconds".to_owned())
    },
    ..Probe::USUAL
};
