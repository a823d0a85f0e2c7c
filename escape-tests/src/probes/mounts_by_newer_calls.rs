//! The newer interface for mounts works on descriptors, and changes the flags of a mount in place.   (threats: FS-05, MNT-10)
use nix::libc;

use crate::harness::inside::{address, c_path, in_child, system_call};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it change a mount by the newer calls?",
    threats: &["FS-05", "MNT-10"],
    behind: &[
        Guard::NoCapabilities,
        Guard::NoNestedNamespaces,
        Guard::SyscallFilter,
    ],
    also_as_root: true,
    expect: Expect::Refused(Errno::EPERM),
    attempt: |bait| {
        let (root, granted, home) = (c_path("/"), c_path(&bait.granted), c_path(&bait.home));
        let (project, proc) = (c_path(&bait.project), c_path("/proc"));
        let at = i64::from(libc::AT_FDCWD);
        // struct mount_attr: set, clear, propagation, user namespace.
        let clear_read_only = [0_u64, 1, 0, 0];
        let clear_nosuid = [0_u64, 2, 0, 0];
        let share = [0_u64, 0, libc::MS_SHARED, 0];
        let attributes = |path: &std::ffi::CString, attributes: &[u64; 4]| {
            let memory = attributes.as_ptr() as i64;
            in_child(|| {
                system_call(
                    libc::SYS_mount_setattr,
                    [at, address(path), 0, memory, 32, 0],
                )
            })
        };
        let call = |number, arguments| in_child(|| system_call(number, arguments));
        Seen::one(
            "mount_setattr(2): a grant read-write",
            attributes(&granted, &clear_read_only),
        )
        .and(
            "mount_setattr(2): the root read-write",
            attributes(&root, &clear_read_only),
        )
        .and(
            "mount_setattr(2): set-user-ID in the project",
            attributes(&project, &clear_nosuid),
        )
        .and("mount_setattr(2): /proc shared", attributes(&proc, &share))
        .and(
            "fspick(2) the home folder",
            call(libc::SYS_fspick, [at, address(&home), 0, 0, 0, 0]),
        )
        .and(
            "move_mount(2) the project",
            call(
                libc::SYS_move_mount,
                [at, address(&project), at, address(&home), 0, 0],
            ),
        )
        .and(
            "umount2(2) the project",
            call(
                libc::SYS_umount2,
                [address(&project), i64::from(libc::MNT_DETACH), 0, 0, 0, 0],
            ),
        )
    },
    ..Probe::USUAL
};
