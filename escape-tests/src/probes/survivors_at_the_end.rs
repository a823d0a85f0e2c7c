//! The command ends in order, and what it left behind works on: a process that forked twice, left its session, holds no stream
//! and ignores each signal. When the launcher returns it must be gone.   (threats: RES-07, TTY-08)

use nix::unistd::{ForkResult, fork, setsid};

use crate::harness::inside::in_child;
use crate::harness::survivor::{close_all_but, end_by_itself, hold, ignore_signals, still_held};
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

fn work_on() -> ! {
    end_by_itself();
    ignore_signals();
    close_all_but(LOCK);
    loop {
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}
