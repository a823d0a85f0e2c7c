//! An ordinary user mounts by way of a user namespace with mounts of its own.   (threats: FS-05, KRN-03, MNT-10)
use nix::sched::{CloneFlags, unshare};

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it mount in namespaces of its own making?",
    threats: &["FS-05", "KRN-03", "MNT-10"],
    behind: &[Guard::NoNestedNamespaces, Guard::SyscallFilter],
    walls: true,
    expect: Expect::Refused(Errno::EPERM),
    attempt: |bait| {
        // Whether this works is the question of another probe. Here it is the way.
        let _ = unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS);
        super::mounts::calls(bait)
    },
    ..Probe::USUAL
};
