//! The launcher is killed, and a process that left its session and ignores every signal works on.   (threats: RES-07, TTY-08)

use nix::unistd::{ForkResult, fork, setsid};

use crate::harness::survivor::{close_all_but, end_by_itself, hold, ignore_signals, still_held};
use crate::probe::*;

const LOCK: &str = "still-alive";

pub const PROBE: Probe = Probe {
    asks: "does a process outlive the launcher?",
    threats: &["RES-07", "TTY-08"],
    behind: &[Guard::DieWithParent, Guard::PidNamespace],
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
                end_by_itself();
                ignore_signals();
                close_all_but(LOCK);
                loop {
                    std::thread::sleep(std::time::Duration::from_secs(1));
                }
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
