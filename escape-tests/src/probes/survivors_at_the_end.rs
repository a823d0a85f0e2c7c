//! The command ends in order, and what it left behind works on: a process that forked twice, left its session, holds no stream
//! and ignores each signal. When the launcher returns it must be gone.   (threats: RES-07, TTY-08)

use nix::libc;
use nix::unistd::{ForkResult, fork, setsid};

use crate::harness::inside::in_child;
use crate::harness::survivor::{hold, ignore_signals, still_held};
use crate::probe::*;

const LOCK: &str = "works-on";

pub const PROBE: Probe = Probe {
    asks: "does a process outlive a session that ends in order?",
    threats: &["RES-07", "TTY-08"],
    behind: &[Guard::DieWithParent, Guard::PidNamespace],
    harmless: true,
    also_as_root: true,
    expect: Expect::Reached,
    attempt: |bait| {
        if let Err(broken) = hold(&bait.shared.join(LOCK)) {
            return Seen::one("a lock", broken);
        }
        let left = in_child(|| {
            let _ = setsid();
            // SAFETY: the inside has one thread, so the child may do whatever its parent could.
            match unsafe { fork() } {
                Ok(ForkResult::Child) => work_on(),
                Ok(ForkResult::Parent { .. }) => Act::Reached,
                Err(errno) => Act::errno(errno),
            }
        });
        Seen::one("a process that forked twice", left)
    },
    harmed: |bait| {
        still_held(
            &bait.shared.join(LOCK),
            "a process inside was there when the launcher had returned",
        )
    },
    ..Probe::USUAL
};

/// Ends by itself, in case nothing else ends it.
fn work_on() -> ! {
    ignore_signals();
    // All but the lock's: the pipe of its parent would keep that waiting. Listed first: the listing has a descriptor too, and who
    // closes it under way ends in a panic.
    let descriptors = std::fs::read_dir("/proc/self/fd").into_iter().flatten();
    let descriptors: Vec<_> = descriptors.flatten().map(|entry| entry.path()).collect();
    for descriptor in descriptors {
        let is_lock = std::fs::read_link(&descriptor).is_ok_and(|link| link.ends_with(LOCK));
        let number = descriptor
            .file_name()
            .and_then(|name| name.to_str()?.parse().ok());
        if let (false, Some(number)) = (is_lock, number) {
            // SAFETY: nothing of this process uses it any more.
            unsafe { libc::close(number) };
        }
    }
    std::thread::sleep(std::time::Duration::from_secs(5));
    // SAFETY: ends the child without running what belongs to its parent.
    unsafe { libc::_exit(0) }
}
