//! PID 1 holds a socket to the launcher outside. pidfd_getfd(2) copies a descriptor out of another process, and bwrap's
//! own control descriptors would lie there too.   (threats: PROC-03, PROC-06)
use nix::libc;

use crate::harness::inside::system_call;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it take a descriptor out of PID 1?",
    threats: &["PROC-03", "PROC-06"],
    behind: &[Guard::InitProtected, Guard::SyscallFilter],
    walls: true,
    also_as_root: true,
    expect: Expect::Refused(Errno::EPERM),
    attempt: |_| {
        // SAFETY: no pointer is passed.
        let pid_1 = unsafe { libc::syscall(libc::SYS_pidfd_open, 1, 0) };
        if pid_1 < 0 {
            return Seen::one("pidfd_open(2)", Act::errno(Errno::last()));
        }
        Seen::each(0..16, |number| {
            system_call(libc::SYS_pidfd_getfd, [pid_1, *number, 0, 0, 0, 0])
        })
    },
    ..Probe::USUAL
};
