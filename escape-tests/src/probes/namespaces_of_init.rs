//! A namespace is joined by a file of /proc/PID/ns, or by a descriptor of a process in it. Helpers that stand outside would
//! be a door.   (threats: PROC-04)
use nix::libc;
use std::fs::File;

use crate::harness::inside::{in_child, system_call};
use crate::probe::*;

const KINDS: [&str; 8] = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];

pub const PROBE: Probe = Probe {
    asks: "can it open or join the namespaces of PID 1?",
    threats: &["PROC-04"],
    behind: &[Guard::InitProtected],
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::each(KINDS, |_| Act::errno(Errno::EACCES))
            .and("setns(2) by pidfd_open(2)", Act::errno(Errno::EPERM))
    }),
    attempt: |_| {
        // SAFETY: no pointer is passed.
        let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, 1, 0) };
        let joined = in_child(|| {
            system_call(
                libc::SYS_setns,
                [pidfd, i64::from(libc::CLONE_NEWNS), 0, 0, 0, 0],
            )
        });
        Seen::each(KINDS, |kind| {
            Act::of(File::open(format!("/proc/1/ns/{kind}")))
        })
        .and("setns(2) by pidfd_open(2)", joined)
    },
    ..Probe::USUAL
};
