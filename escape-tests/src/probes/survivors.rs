//! The launcher is killed, and a process that left its session and ignores every signal works on.   (threats: RES-07, TTY-08)

use nix::libc;
use nix::unistd::{ForkResult, fork, setsid};

use crate::harness::survivor::{hold, ignore_signals, still_held};
use crate::probe::*;

const LOCK: &str = "still-alive";

pub const PROBE: Probe = Probe {
    asks: "does a process outlive the launcher?",
    threats: &["RES-07", "TTY-08"],
    behind: &[Guard::DieWithParent],
    harmless: true,
    also_as_root: true,
    ending: Ending::LauncherKilled,
    expect: Expect::Reached,
    attempt: |bait| {
        if let Err(broken) = hold(&bait.shared.join(LOCK)) {
            return Seen::one("a lock", broken);
        }
        // SAFETY: the inside has one thread, so the child may do whatever its parent could.
        match unsafe { fork() } {
            Ok(ForkResult::Child) => {
                let _ = setsid();
                ignore_signals();
                for stream in 0..3 {
                    // SAFETY: the streams of a process that never uses them again.
                    unsafe { libc::close(stream) };
                }
                // Longer than anybody waits for its end, in case nothing else ends it.
                std::thread::sleep(std::time::Duration::from_secs(10));
                // SAFETY: ends the child without running what belongs to its parent.
                unsafe { libc::_exit(0) }
            }
            Ok(ForkResult::Parent { .. }) => {
                Seen::one("a process in a session of its own", Act::Reached)
            }
            Err(errno) => Seen::one("fork(2)", Act::errno(errno)),
        }
    },
    harmed: |bait| {
        still_held(
            &bait.shared.join(LOCK),
            "a process inside outlived the launcher by two seconds",
        )
    },
    ..Probe::USUAL
};
