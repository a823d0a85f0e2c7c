//! PID 1 was given the order with every value in it, and no filter would be on whoever takes it over (M-02). Each way to
//! another process's memory is tried.   (threats: ENV-04, PROC-03)
use std::fs::File;

use nix::libc;

use crate::harness::inside::{in_child, system_call};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it read or trace PID 1?",
    threats: &["ENV-04", "PROC-03"],
    behind: &[Guard::InitProtected, Guard::SyscallFilter],
    harmless: true,
    also_as_root: true,
    // Where uid 0 started it, /proc is read-only.
    expect: Expect::Exactly(|bait| {
        let denied = || Act::errno(Errno::EACCES);
        Seen::one("/proc/1/mem", denied())
            .and(
                "/proc/1/mem, to write",
                Act::errno(if bait.uid == 0 {
                    Errno::EROFS
                } else {
                    Errno::EACCES
                }),
            )
            .and("/proc/1/maps", denied())
            .and("ptrace(2)", Act::errno(Errno::EPERM))
            .and("process_vm_readv(2)", Act::errno(Errno::EPERM))
    }),
    attempt: |_| {
        let mut buffer = [0_u8; 8];
        // Address 0 is mapped nowhere: what counts is whether the kernel asks for permission first.
        let (local, remote) = (
            libc::iovec {
                iov_base: buffer.as_mut_ptr().cast(),
                iov_len: 8,
            },
            libc::iovec {
                iov_base: std::ptr::null_mut(),
                iov_len: 8,
            },
        );
        let (local, remote) = (&raw const local as i64, &raw const remote as i64);
        Seen::one("/proc/1/mem", Act::of(File::open("/proc/1/mem")))
            .and(
                "/proc/1/mem, to write",
                Act::of(File::options().write(true).open("/proc/1/mem")),
            )
            .and("/proc/1/maps", Act::of(File::open("/proc/1/maps")))
            // Seizing does not stop PID 1, and ends with the child.
            .and(
                "ptrace(2)",
                in_child(|| {
                    system_call(
                        libc::SYS_ptrace,
                        [i64::from(libc::PTRACE_SEIZE), 1, 0, 0, 0, 0],
                    )
                }),
            )
            .and(
                "process_vm_readv(2)",
                system_call(libc::SYS_process_vm_readv, [1, local, 1, remote, 1, 0]),
            )
    },
    ..Probe::USUAL
};
