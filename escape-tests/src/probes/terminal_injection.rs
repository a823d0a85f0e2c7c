//! TIOCSTI puts a byte into the input of a terminal as if it had been typed; the user's shell runs it when the session is
//! over. The kernel compares 32 bits of the request, so a filter that compares 64 is passed (CVE-2017-5226,
//! CVE-2019-10063, CVE-2023-28100).   (threats: TTY-01, TTY-02, KRN-06)
use std::os::fd::AsRawFd;

use nix::libc;
use nix::pty::openpty;

use crate::harness::inside::{in_child, system_call};
use crate::probe::*;

/// A request to a terminal of the probe's own, which is its controlling terminal.
fn request(request: u64) -> Act {
    in_child(|| {
        let pair = match nix::unistd::setsid().and_then(|_| openpty(None, None)) {
            Ok(pair) => pair,
            Err(errno) => return Act::Broken(format!("making a terminal: {errno}")),
        };
        let terminal = i64::from(pair.slave.as_raw_fd());
        let make_ours = system_call(
            libc::SYS_ioctl,
            [terminal, libc::TIOCSCTTY as i64, 0, 0, 0, 0],
        );
        if make_ours != Act::Reached {
            return Act::Broken(format!("TIOCSCTTY: {make_ours}"));
        }
        let byte = b' ';
        // Closing it would end this process before it has reported.
        std::mem::forget(pair);
        match system_call(
            libc::SYS_ioctl,
            [terminal, request as i64, &raw const byte as i64, 0, 0, 0],
        ) {
            denied @ Act::Refused(number) if number == libc::EPERM => denied,
            // EIO: the kernel's own switch is off. EINVAL: no console. The request got there all the same.
            other => Act::saw(format!("the terminal driver answered: {other}")),
        }
    })
}

pub const PROBE: Probe = Probe {
    asks: "can it type into a terminal?",
    threats: &["TTY-01", "TTY-02", "KRN-06"],
    behind: &[Guard::TerminalInjection],
    harmless: true,
    expect: Expect::Refused(Errno::EPERM),
    attempt: |_| {
        Seen::one("TIOCSTI", request(libc::TIOCSTI))
            .and("TIOCSTI with high bits", request(libc::TIOCSTI | 1 << 32))
            .and("TIOCLINUX", request(libc::TIOCLINUX))
            .and(
                "TIOCLINUX with high bits",
                request(libc::TIOCLINUX | 0xffff << 32),
            )
    },
    also_as_root: true,
    ..Probe::USUAL
};
