//! Two thousand processes end at once whose parent is gone (ten thousand: `tests/terminal/lifecycle.rs`): each waits for PID 1,
//! and takes a number until it is reaped. Where nobody does, no process can be started after some time, and the session never
//! ends.   (threats: RES-08)
use std::fs;
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};

use crate::probe::*;

/// Parents, and children of each.
const FLOOD: (usize, usize) = (20, 100);

/// How long the last of them may wait.
const LIMIT: Duration = Duration::from_secs(5);

pub const PROBE: Probe = Probe {
    asks: "does PID 1 reap a flood of orphans?",
    threats: &["RES-08"],
    tiers: &[Tier::None],
    expect: Expect::Exactly(|_| Seen::one("orphans left", Act::saw(0))),
    attempt: |_| {
        for _ in 0..FLOOD.0 {
            // SAFETY: the inside has one thread, so the child may do whatever its parent could.
            match unsafe { fork() } {
                Ok(ForkResult::Child) => {
                    for _ in 0..FLOOD.1 {
                        // SAFETY: as above.
                        if let Ok(ForkResult::Child) = unsafe { fork() } {
                            finish();
                        }
                    }
                    finish();
                }
                Ok(ForkResult::Parent { child }) => {
                    let _ = waitpid(child, None);
                }
                Err(errno) => return Seen::one("fork(2)", Act::errno(errno)),
            }
        }
        let end = Instant::now() + LIMIT;
        let mut left = dead();
        while left > 0 && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
            left = dead();
        }
        Seen::one("orphans left", Act::saw(left))
    },
    ..Probe::USUAL
};

/// Ends this process without running what belongs to its parent.
fn finish() -> ! {
    // SAFETY: nothing of this process is used any more.
    unsafe { libc::_exit(0) }
}

/// Children of PID 1 that have ended and wait to be reaped (proc_pid_stat(5)).
fn dead() -> usize {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = entries.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    let dead = |stat: &String| {
        let fields = stat.rsplit_once(") ");
        fields.is_some_and(|(_, fields)| fields.starts_with("Z 1 "))
    };
    stats.filter(dead).count()
}
