//! In a user namespace of one's own every capability comes back, and with it the kernel's largest attack surface (M-22).
//!   (threats: KRN-03)
use nix::libc::{self, c_int};
use nix::sched::{CloneFlags, unshare};

use crate::harness::inside::{in_child, system_call};
use crate::probe::*;

/// What is asked for beside it.
const WITH_MORE: [(&str, CloneFlags); 4] = [
    ("alone", CloneFlags::empty()),
    ("with mounts", CloneFlags::CLONE_NEWNS),
    ("with PIDs", CloneFlags::CLONE_NEWPID),
    ("with a network", CloneFlags::CLONE_NEWNET),
];

pub const PROBE: Probe = Probe {
    asks: "can it make a user namespace?",
    threats: &["KRN-03"],
    behind: &[Guard::NoNestedNamespaces, Guard::SyscallFilter],
    walls: true,
    harmless: true,
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        let refused = |what: &str| (format!("unshare(2) {what}"), Act::errno(Errno::EPERM));
        let by_unshare = WITH_MORE.map(|(what, _)| refused(what));
        Seen(by_unshare.into())
            .and("clone(2)", Act::errno(Errno::EPERM))
            .and("clone3(2)", Act::errno(Errno::ENOSYS))
    }),
    attempt: |_| {
        let mut seen = Seen::default();
        for (what, flags) in WITH_MORE {
            let flags = flags | CloneFlags::CLONE_NEWUSER;
            seen.add(
                format!("unshare(2) {what}"),
                in_child(|| Act::of_nix(unshare(flags))),
            );
        }
        let clone = in_child(|| {
            // A child that shares no memory: it returns from the call like one of fork(2), and ends at once.
            // SAFETY: no stack and no pointers are passed, so this is fork(2) with a flag.
            let pid = unsafe {
                libc::syscall(
                    libc::SYS_clone,
                    libc::CLONE_NEWUSER | libc::SIGCHLD as c_int,
                    0,
                    0,
                    0,
                    0,
                )
            };
            match pid {
                0 => {
                    // SAFETY: ends the child without running what belongs to its parent.
                    unsafe { libc::_exit(0) }
                }
                -1 => Act::errno(Errno::last()),
                _ => Act::Reached,
            }
        });
        seen.add("clone(2)", clone);
        let arguments = libc::clone_args {
            flags: libc::CLONE_NEWUSER as u64,
            pidfd: 0,
            child_tid: 0,
            parent_tid: 0,
            exit_signal: libc::SIGCHLD as u64,
            stack: 0,
            stack_size: 0,
            tls: 0,
            set_tid: 0,
            set_tid_size: 0,
            cgroup: 0,
        };
        let clone3 = in_child(|| {
            let own = std::process::id();
            let size = i64::try_from(size_of::<libc::clone_args>()).expect("it is small");
            let act = system_call(
                libc::SYS_clone3,
                [&raw const arguments as i64, size, 0, 0, 0, 0],
            );
            if std::process::id() != own {
                // SAFETY: this is the child: it ends without running what belongs to its parent.
                unsafe { libc::_exit(0) }
            }
            act
        });
        seen.and("clone3(2)", clone3)
    },
    ..Probe::USUAL
};
