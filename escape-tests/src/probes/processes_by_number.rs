//! What can be asked of a process by its number, and set, when it is of the same user.   (threats: PROC-01, PROC-02)
use nix::libc;

use crate::harness::inside::system_call;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does any call know a process of the host by its number?",
    threats: &["PROC-01", "PROC-02"],
    behind: &[Guard::PidNamespace],
    harmless: true,
    also_as_root: true,
    expect: Expect::Refused(Errno::ESRCH),
    attempt: |bait| {
        let pid = i64::from(bait.neighbour.pid);
        let mut buffer = [0_u64; 64];
        let memory = buffer.as_mut_ptr() as i64;
        let call = |number, arguments| system_call(number, arguments);
        Seen::one("getpgid(2)", call(libc::SYS_getpgid, [pid, 0, 0, 0, 0, 0]))
            .and("getsid(2)", call(libc::SYS_getsid, [pid, 0, 0, 0, 0, 0]))
            .and(
                "getpriority(2)",
                call(libc::SYS_getpriority, [0, pid, 0, 0, 0, 0]),
            )
            .and(
                "sched_getaffinity(2)",
                call(libc::SYS_sched_getaffinity, [pid, 512, memory, 0, 0, 0]),
            )
            .and(
                "sched_getscheduler(2)",
                call(libc::SYS_sched_getscheduler, [pid, 0, 0, 0, 0, 0]),
            )
            .and(
                "ioprio_get(2)",
                call(libc::SYS_ioprio_get, [1, pid, 0, 0, 0, 0]),
            )
            .and(
                "prlimit(2)",
                call(
                    libc::SYS_prlimit64,
                    [pid, i64::from(libc::RLIMIT_NOFILE), 0, memory, 0, 0],
                ),
            )
            .and(
                "get_robust_list(2)",
                call(
                    libc::SYS_get_robust_list,
                    [pid, memory, memory + 8, 0, 0, 0],
                ),
            )
            .and(
                "pidfd_open(2)",
                call(libc::SYS_pidfd_open, [pid, 0, 0, 0, 0, 0]),
            )
    },
    ..Probe::USUAL
};
