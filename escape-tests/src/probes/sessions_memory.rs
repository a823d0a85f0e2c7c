//! Shared memory of System V has a number that is easily guessed, and belongs to whoever has the same uid. Two sessions of one
//! user must not share any.   (threats: SOCK-20)
use nix::libc;

use super::sessions_network::company;
use crate::harness::bait::Neighbour;
use crate::harness::trial;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it read the shared memory of another session?",
    threats: &["SOCK-20"],
    behind: &[Guard::IpcNamespace],
    also_as_root: true,
    in_company: true,
    expect: Expect::Refused(Errno::EINVAL),
    attempt: |bait| {
        let read = company(bait).and_then(|other| {
            let theirs = Neighbour {
                shared_memory: other.shared_memory,
                ..bait.neighbour.clone()
            };
            let theirs = Bait {
                neighbour: theirs,
                ..bait.clone()
            };
            trial::shared_memory(&theirs)
        });
        // SAFETY: no pointer is passed. IPC_STAT wants one, which is null: EFAULT says that there is such a segment.
        let there = company(bait).map(|other| unsafe {
            libc::shmctl(other.shared_memory, libc::IPC_STAT, std::ptr::null_mut())
        });
        let there = there.map(|_| match Errno::last() {
            Errno::EFAULT => Act::Reached,
            other => Act::errno(other),
        });
        let read = read.map_or_else(|act| act, |()| Act::Reached);
        Seen::one("shmat(2)", read).and("shmctl(2)", there.unwrap_or_else(|broken| broken))
    },
    ..Probe::USUAL
};
