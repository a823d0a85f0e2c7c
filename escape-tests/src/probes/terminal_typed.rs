//! At a terminal, what is put into its input is run by the user's shell when the session is over. The terminal is the user's own,
//! behind standard input, standard error and /dev/tty, and can be opened again (CVE-2017-5226, CVE-2019-10063).
//!   (threats: TTY-01, KRN-06, PROC-07)
use std::fs::File;
use std::os::fd::AsRawFd;

use nix::libc;

use crate::harness::inside::system_call;
use crate::probe::*;

const WAYS: [&str; 4] = ["/dev/stdin", "/dev/stderr", "/dev/tty", "/proc/self/fd/0"];

fn inject(path: &str, request: u64) -> Act {
    let terminal = match File::options().read(true).write(true).open(path) {
        Ok(terminal) => terminal,
        Err(error) => return Act::Broken(format!("{path}: {error}")),
    };
    let byte = b' ';
    let number = i64::from(terminal.as_raw_fd());
    system_call(
        libc::SYS_ioctl,
        [number, request as i64, &raw const byte as i64, 0, 0, 0],
    )
}

pub const PROBE: Probe = Probe {
    asks: "can it type into the terminal of its user?",
    threats: &["TTY-01", "KRN-06", "PROC-07"],
    behind: &[Guard::TerminalInjection],
    also_as_root: true,
    streams: Streams::Terminal,
    expect: Expect::Refused(Errno::EPERM),
    attempt: |_| {
        let mut seen = Seen::default();
        for path in WAYS {
            seen.add(format!("TIOCSTI on {path}"), inject(path, libc::TIOCSTI));
            let high = libc::TIOCSTI | 1 << 32;
            seen.add(
                format!("TIOCSTI on {path}, with high bits"),
                inject(path, high),
            );
        }
        seen
    },
    harmed: |bait| match bait.recorded() {
        None => Some("the terminal was not recorded".into()),
        Some(recorded) if recorded.typed.is_empty() => None,
        Some(recorded) => Some(format!("{} bytes were typed", recorded.typed.len())),
    },
    ..Probe::USUAL
};
