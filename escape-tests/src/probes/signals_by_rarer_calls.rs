//! kill(2) is one of six calls that signal.   (threats: PROC-02)
use nix::libc;

use crate::harness::inside::system_call;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it signal a process of the host by a call that is not kill(2)?",
    threats: &["PROC-02"],
    behind: &[Guard::PidNamespace, Guard::SignalScope],
    harmless: true,
    walls: true,
    needs: &[Need::LandlockScopes],
    expect: Expect::Refused(Errno::ESRCH),
    attempt: |bait| {
        let (pid, signal) = (i64::from(bait.neighbour.pid), i64::from(libc::SIGURG));
        // siginfo_t: number, error, code SI_QUEUE. The kernel fills in nothing else that counts here.
        let mut information = [0_i32; 32];
        information[0] = libc::SIGURG;
        information[2] = libc::SI_QUEUE;
        let information = information.as_ptr() as i64;
        // SAFETY: no pointer is passed.
        let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        let by_pidfd = if pidfd < 0 {
            Act::errno(Errno::last())
        } else {
            system_call(libc::SYS_pidfd_send_signal, [pidfd, signal, 0, 0, 0, 0])
        };
        Seen::one(
            "tkill(2)",
            system_call(libc::SYS_tkill, [pid, signal, 0, 0, 0, 0]),
        )
        .and(
            "tgkill(2)",
            system_call(libc::SYS_tgkill, [pid, pid, signal, 0, 0, 0]),
        )
        .and(
            "rt_sigqueueinfo(2)",
            system_call(
                libc::SYS_rt_sigqueueinfo,
                [pid, signal, information, 0, 0, 0],
            ),
        )
        .and(
            "rt_tgsigqueueinfo(2)",
            system_call(
                libc::SYS_rt_tgsigqueueinfo,
                [pid, pid, signal, information, 0, 0],
            ),
        )
        .and("pidfd_send_signal(2)", by_pidfd)
    },
    harmed: super::signal_by_number::signalled,
    ..Probe::USUAL
};
