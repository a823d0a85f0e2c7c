//! Whoever can mount takes the masks off: unmount the tmpfs on the home folder, make the root writable again, mount over
//! what others trust (M-04, CVE-2021-41133).   (threats: FS-05, MNT-10)
use std::ffi::CString;

use nix::libc;

use crate::harness::inside::{address, c_path, in_child, system_call};
use crate::probe::*;

/// Each call of the old and the new mount interface, in a child: what works is seen, and changes nothing for the next one.
pub(super) fn calls(bait: &Bait) -> Seen {
    let text = |text: &str| CString::new(text).expect("no NUL");
    let (tmpfs, tmp, root, nothing) = (text("tmpfs"), text("/tmp"), text("/"), text(""));
    let (home, granted) = (c_path(&bait.home), c_path(&bait.granted));
    let (at, bind, rw) = (
        i64::from(libc::AT_FDCWD),
        libc::MS_BIND as i64,
        (libc::MS_REMOUNT | libc::MS_BIND) as i64,
    );
    let (tmpfs, tmp, root) = (address(&tmpfs), address(&tmp), address(&root));
    let (home, granted, nothing) = (address(&home), address(&granted), address(&nothing));
    let clone = 1 | libc::O_CLOEXEC as i64;
    let call = |number, arguments| in_child(|| system_call(number, arguments));
    Seen::one(
        "mount(2) a tmpfs",
        call(libc::SYS_mount, [tmpfs, tmp, tmpfs, 0, 0, 0]),
    )
    .and(
        "mount(2) bind /",
        call(libc::SYS_mount, [root, tmp, nothing, bind, 0, 0]),
    )
    .and(
        "mount(2) a grant read-write",
        call(libc::SYS_mount, [nothing, granted, nothing, rw, 0, 0]),
    )
    .and(
        "umount2(2) the home folder",
        call(
            libc::SYS_umount2,
            [home, i64::from(libc::MNT_DETACH), 0, 0, 0, 0],
        ),
    )
    .and(
        "open_tree(2)",
        call(libc::SYS_open_tree, [at, root, clone, 0, 0, 0]),
    )
    .and("fsopen(2)", call(libc::SYS_fsopen, [tmpfs, 0, 0, 0, 0, 0]))
    .and(
        "pivot_root(2)",
        call(libc::SYS_pivot_root, [tmp, tmp, 0, 0, 0, 0]),
    )
    .and("chroot(2)", call(libc::SYS_chroot, [tmp, 0, 0, 0, 0, 0]))
}

pub const PROBE: Probe = Probe {
    asks: "can it mount, unmount or remount?",
    threats: &["FS-05", "MNT-10"],
    // Whoever is let into a user namespace of their own has no capability over these mounts: both must go.
    behind: &[
        Guard::NoCapabilities,
        Guard::NoNestedNamespaces,
        Guard::SyscallFilter,
    ],
    also_as_root: true,
    expect: Expect::Refused(Errno::EPERM),
    attempt: calls,
    ..Probe::USUAL
};
