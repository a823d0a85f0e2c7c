//! Owns what a filter and a limit can be seen by: calls that change nothing whether they are refused or not.

use std::fs::File;

use nix::libc;
use nix::sched::{CloneFlags, unshare};
use nix::sys::termios::tcgetattr;

use crate::harness::inside::{address, c_path, in_child, system_call};
use crate::probe::Act;
use crate::sweep::Seen;

/// An argument that no such call takes.
const NONE: i64 = -1;

pub(super) fn look(seen: &mut Seen) {
    let nowhere = c_path("/nowhere/at/all");
    let at = i64::from(libc::AT_FDCWD);
    let mode = i64::from(libc::S_ISUID | libc::S_IRUSR);
    let keyctl = system_call(libc::SYS_keyctl, [NONE; 6]);
    let typed = system_call(libc::SYS_ioctl, [NONE, libc::TIOCSTI as i64, 0, 0, 0, 0]);
    let set_id = system_call(libc::SYS_fchmodat, [at, address(&nowhere), mode, 0, 0, 0]);
    let null = File::open("/dev/null");
    let asked = null.map_or_else(
        |error| Act::of::<()>(Err(error)),
        |null| Act::of_nix(tcgetattr(&null)),
    );
    let nested = in_child(|| Act::of_nix(unshare(CloneFlags::CLONE_NEWUSER)));
    let ring = system_call(libc::SYS_io_uring_enter, [NONE; 6]);
    let family = i64::from(libc::AF_VSOCK);
    let hypervisor = system_call(libc::SYS_socket, [family, NONE, 0, 0, 0, 0]);
    for (call, act) in [
        ("keyctl(2)", keyctl),
        ("ioctl(2) TIOCSTI", typed),
        ("chmod(2) S_ISUID", set_id),
        ("ioctl(2) on /dev/null", asked),
        ("unshare(2) CLONE_NEWUSER", nested),
        ("io_uring_enter(2)", ring),
        ("socket(2) AF_VSOCK", hypervisor),
    ] {
        seen.add(format!("call {call}"), act.to_string());
    }
}
