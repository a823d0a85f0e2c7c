//! The launcher is killed, and a process that left its session and ignores every signal works on.   (threats: RES-07, TTY-08)
use std::fs::File;
use std::os::fd::AsRawFd;

use nix::fcntl::{Flock, FlockArg};
use nix::libc;
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::{ForkResult, fork, setsid};

use crate::probe::*;

const LOCK: &str = "still-alive";

pub const PROBE: Probe = Probe {
    asks: "does a process outlive the launcher?",
    threats: &["RES-07", "TTY-08"],
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
        // The lock is that of the open file: it is held until the last process that has it open is gone.
        let _ = lock.as_raw_fd();
        // SAFETY: the inside has one thread, so the child may do whatever its parent could.
        match unsafe { fork() } {
            Ok(ForkResult::Child) => {
                let _ = setsid();
                for number in [
                    Signal::SIGTERM,
                    Signal::SIGHUP,
                    Signal::SIGINT,
                    Signal::SIGPIPE,
                ] {
                    // SAFETY: no handler is installed.
                    let _ = unsafe { signal(number, SigHandler::SigIgn) };
                }
                for stream in 0..3 {
                    // SAFETY: the streams of a process that never uses them again.
                    unsafe { libc::close(stream) };
                }
                loop {
                    std::thread::sleep(std::time::Duration::from_secs(1));
                }
            }
            Ok(ForkResult::Parent { .. }) => {
                // Unlocking would unlock for the child too.
                std::mem::forget(lock);
                Seen::one("a process in a session of its own", Act::Reached)
            }
            Err(errno) => Seen::one("fork(2)", Act::errno(errno)),
        }
    },
    harmed: |bait| {
        let file = match File::open(bait.project.join(LOCK)) {
            Ok(file) => file,
            Err(error) => return Some(format!("the process left no trace: {error}")),
        };
        let free = Flock::lock(file, FlockArg::LockExclusiveNonblock).is_ok();
        (!free).then(|| "a process inside outlived the launcher by two seconds".to_owned())
    },
    ..Probe::USUAL
};
