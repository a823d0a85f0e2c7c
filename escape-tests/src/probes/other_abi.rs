//! The 32-bit entry of a 64-bit kernel has other numbers for the same calls: a filter that knows only one set is passed by the
//! other. A process that uses it is ended.   (threats: KRN-05)
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it make a system call by the 32-bit entry?",
    threats: &["KRN-05"],
    behind: FILTER,
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        // A kernel without that entry ends who uses it in another way.
        let ended = match by_the_other_entry() {
            Act::Reached => Act::saw("ended by SIGSYS"),
            other => other,
        };
        Seen::one("getpid(2) by int 0x80", ended).and("filters", Act::saw(2))
    }),
    attempt: |_| {
        Seen::one("getpid(2) by int 0x80", by_the_other_entry())
            .and("filters", super::capabilities::status("Seccomp"))
    },
    ..Probe::USUAL
};

fn by_the_other_entry() -> Act {
    // SAFETY: the child makes one call and ends.
    match unsafe { fork() } {
        Ok(ForkResult::Child) => getpid_and_end(),
        Ok(ForkResult::Parent { child }) => match waitpid(child, None) {
            Ok(WaitStatus::Signaled(_, signal, _)) => Act::saw(format!("ended by {signal}")),
            Ok(WaitStatus::Exited(_, 0)) => Act::Reached,
            Ok(WaitStatus::Exited(_, 2)) => Act::saw("no such entry on this machine"),
            other => Act::Broken(format!("{other:?}")),
        },
        Err(errno) => Act::Broken(format!("fork: {errno}")),
    }
}

#[cfg(target_arch = "x86_64")]
fn getpid_and_end() -> ! {
    let answer: i64;
    // SAFETY: getpid(2) is 20 there and touches no memory; the kernel clears r8 to r11 on this entry.
    unsafe {
        std::arch::asm!("int 0x80", inlateout("rax") 20_i64 => answer,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _)
    };
    let right = answer == i64::from(std::process::id());
    // SAFETY: ends the child without running what belongs to its parent.
    unsafe { nix::libc::_exit(if right { 0 } else { 1 }) }
}

#[cfg(not(target_arch = "x86_64"))]
fn getpid_and_end() -> ! {
    // SAFETY: as above.
    unsafe { nix::libc::_exit(2) }
}
