//! System V queues and semaphores have a number, POSIX queues a name, and none has a path: whoever knows it takes part.
//!   (threats: SOCK-20)
use nix::libc;

use crate::harness::bait::queue_name;
use crate::harness::inside::{address, c_path, system_call};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it use a message queue or a semaphore of the host?",
    threats: &["SOCK-20"],
    behind: &[Guard::IpcNamespace],
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::one("msgsnd(2)", Act::errno(Errno::EINVAL))
            .and("semctl(2)", Act::errno(Errno::EINVAL))
            .and("mq_open(3)", Act::Absent)
    }),
    attempt: |bait| {
        let (queue, semaphore) = bait.system_v;
        let name = c_path(queue_name(&bait.mark));
        // struct msgbuf: its type, then as many bytes as are said, which is none.
        let message = [1_i64, 0];
        let flags = i64::from(libc::O_RDWR | libc::O_CLOEXEC);
        Seen::one(
            "msgsnd(2)",
            system_call(
                libc::SYS_msgsnd,
                [
                    i64::from(queue),
                    message.as_ptr() as i64,
                    0,
                    i64::from(libc::IPC_NOWAIT),
                    0,
                    0,
                ],
            ),
        )
        .and(
            "semctl(2)",
            system_call(
                libc::SYS_semctl,
                [i64::from(semaphore), 0, i64::from(libc::GETVAL), 0, 0, 0],
            ),
        )
        .and(
            "mq_open(3)",
            system_call(libc::SYS_mq_open, [address(&name), flags, 0, 0, 0, 0]),
        )
    },
    ..Probe::USUAL
};
