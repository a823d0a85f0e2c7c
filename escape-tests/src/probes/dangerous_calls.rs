//! Calls that no program here needs and that have been the way out of sandboxes before: debugging, profiling, programs in the
//! kernel, other address spaces, other personalities. Each is made with arguments that change nothing, so that the answer tells
//! whether a filter or the kernel gave it.   (threats: KRN-10, PROC-03, ENV-04)
use nix::libc;

use crate::harness::inside::{in_child, system_call};
use crate::probe::*;

/// Memory that can be read can be executed (personality(2)).
const READ_IMPLIES_EXEC: i64 = 0x0040_0000;

/// With it, unshare(2) does nothing but fail with EINVAL.
const UNKNOWN_FLAG: i64 = 1;

/// Arguments for which the kernel itself has another answer than EPERM, or none.
const CALLS: [(&str, i64, [i64; 6]); 17] = [
    ("bpf", libc::SYS_bpf, [-1, 0, 0, 0, 0, 0]),
    (
        "perf_event_open",
        libc::SYS_perf_event_open,
        [0, 0, -1, -1, 0, 0],
    ),
    ("userfaultfd", libc::SYS_userfaultfd, [-1, 0, 0, 0, 0, 0]),
    ("kexec_load", libc::SYS_kexec_load, [0, 0, 0, -1, 0, 0]),
    (
        "personality",
        libc::SYS_personality,
        [READ_IMPLIES_EXEC, 0, 0, 0, 0, 0],
    ),
    (
        "process_vm_readv",
        libc::SYS_process_vm_readv,
        [1, 0, 0, 0, 0, 0],
    ),
    (
        "process_vm_writev",
        libc::SYS_process_vm_writev,
        [1, 0, 0, 0, 0, 0],
    ),
    ("pidfd_getfd", libc::SYS_pidfd_getfd, [-1, 0, 0, 0, 0, 0]),
    ("kcmp", libc::SYS_kcmp, [1, 1, 0, 0, 0, 0]),
    ("move_pages", libc::SYS_move_pages, [0, 0, 0, 0, 0, 0]),
    (
        "open_by_handle_at",
        libc::SYS_open_by_handle_at,
        [-1, 0, 0, 0, 0, 0],
    ),
    (
        "name_to_handle_at",
        libc::SYS_name_to_handle_at,
        [-1, 0, 0, 0, 0, 0],
    ),
    ("quotactl", libc::SYS_quotactl, [0, 0, 0, 0, 0, 0]),
    ("setns", libc::SYS_setns, [-1, 0, 0, 0, 0, 0]),
    (
        "unshare",
        libc::SYS_unshare,
        [UNKNOWN_FLAG | libc::CLONE_NEWUSER as i64, 0, 0, 0, 0, 0],
    ),
    (
        "fanotify_init",
        libc::SYS_fanotify_init,
        [-1, 0, 0, 0, 0, 0],
    ),
    ("fsopen", libc::SYS_fsopen, [0, -1, 0, 0, 0, 0]),
];

pub const PROBE: Probe = Probe {
    asks: "does a call that has been a way out before reach the kernel?",
    threats: &["KRN-10", "PROC-03", "ENV-04"],
    behind: &[Guard::SyscallFilter],
    harmless: true,
    also_as_root: true,
    expect: Expect::Refused(Errno::EPERM),
    attempt: |_| {
        let mut seen = Seen::default();
        for (name, number, arguments) in CALLS {
            let answer = in_child(|| match system_call(number, arguments) {
                denied @ Act::Refused(libc::EPERM) => denied,
                other => Act::saw(format!("the kernel answered: {other}")),
            });
            seen.add(name, answer);
        }
        seen
    },
    ..Probe::USUAL
};
