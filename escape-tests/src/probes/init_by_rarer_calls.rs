//! ptrace(2) is one way to another process's memory; each of these asks for the same permission, or should.
//!   (threats: ENV-04, PROC-03)
use nix::libc;

use crate::harness::inside::system_call;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does any rarer call reach into PID 1?",
    threats: &["ENV-04", "PROC-03"],
    behind: &[Guard::InitProtected, Guard::SyscallFilter],
    also_as_root: true,
    expect: Expect::Refused(Errno::EPERM),
    attempt: |_| {
        let own = i64::from(std::process::id());
        let mut buffer = [0_u64; 8];
        let memory = buffer.as_mut_ptr() as i64;
        let bytes = [memory, 8];
        let nowhere = [0_i64, 8];
        let (bytes, nowhere) = (bytes.as_ptr() as i64, nowhere.as_ptr() as i64);
        // Address 0 is mapped nowhere: what counts is whether the kernel asks for permission first.
        let answered = |act: Act| match act {
            denied @ Act::Refused(number) if number == libc::EPERM => denied,
            Act::Broken(why) => Act::Broken(why),
            other => Act::saw(format!("no permission was asked for: {other}")),
        };
        let call = |number, arguments| answered(system_call(number, arguments));
        Seen::one("kcmp(2)", call(libc::SYS_kcmp, [1, own, 1, 0, 0, 0]))
            .and(
                "process_vm_writev(2)",
                call(libc::SYS_process_vm_writev, [1, bytes, 1, nowhere, 1, 0]),
            )
            .and(
                "move_pages(2)",
                call(libc::SYS_move_pages, [1, 0, 0, 0, 0, 0]),
            )
            .and(
                "migrate_pages(2)",
                call(libc::SYS_migrate_pages, [1, 0, 0, 0, 0, 0]),
            )
            .and(
                "get_robust_list(2)",
                call(libc::SYS_get_robust_list, [1, memory, memory + 8, 0, 0, 0]),
            )
    },
    ..Probe::USUAL
};
