//! io_uring opens, connects and writes by itself, past every filter of system calls: all three of its calls must be gone, also for
//! a ring that came from elsewhere.   (threats: KRN-08, SOCK-17)
use nix::libc;

use crate::harness::inside::system_call;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does any call of io_uring reach the kernel?",
    threats: &["KRN-08", "SOCK-17"],
    behind: &[Guard::SyscallFilter],
    harmless: true,
    also_as_root: true,
    expect: Expect::Refused(Errno::ENOSYS),
    attempt: |_| {
        // On a descriptor that is none, the kernel's own answer is EBADF.
        let answer = |call| match system_call(call, [-1, 0, 0, 0, 0, 0]) {
            Act::Refused(number) if number == libc::EBADF => Act::saw("the kernel answered"),
            other => other,
        };
        Seen::one("io_uring_enter(2)", answer(libc::SYS_io_uring_enter))
            .and("io_uring_register(2)", answer(libc::SYS_io_uring_register))
    },
    ..Probe::USUAL
};
