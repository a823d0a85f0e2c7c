//! The useful twin of what is refused at a terminal: a program inside makes terminals of its own, sizes them, takes them as
//! controlling ones, and moves its jobs to the foreground, as every test runner and multiplexer does.
use std::os::fd::AsRawFd;

use nix::libc;
use nix::pty::{Winsize, openpty};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, setsid, tcgetpgrp, tcsetpgrp};

use crate::harness::inside::{in_child, system_call};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it make and steer a terminal of its own?",
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::one("a terminal", Act::saw("24 rows, raw, in the foreground"))
    }),
    attempt: |_| Seen::one("a terminal", in_child(terminal)),
    ..Probe::USUAL
};

fn terminal() -> Act {
    let steps = || -> nix::Result<Act> {
        setsid()?;
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pair = openpty(&size, None)?;
        let number = i64::from(pair.slave.as_raw_fd());
        let ours = system_call(
            libc::SYS_ioctl,
            [number, libc::TIOCSCTTY as i64, 0, 0, 0, 0],
        );
        if ours != Act::Reached {
            return Ok(Act::Broken(format!("TIOCSCTTY: {ours}")));
        }
        let mut settings = tcgetattr(&pair.slave)?;
        cfmakeraw(&mut settings);
        tcsetattr(&pair.slave, SetArg::TCSANOW, &settings)?;
        tcsetpgrp(&pair.slave, getpgrp())?;
        let foreground = tcgetpgrp(&pair.slave)? == getpgrp();
        let mut seen = [0_u16; 4];
        let memory = seen.as_mut_ptr() as i64;
        let _ = system_call(
            libc::SYS_ioctl,
            [number, libc::TIOCGWINSZ as i64, memory, 0, 0, 0],
        );
        // Closing it would end this process before it has reported.
        std::mem::forget(pair);
        let place = if foreground {
            "foreground"
        } else {
            "background"
        };
        Ok(Act::saw(format!("{} rows, raw, in the {place}", seen[0])))
    };
    steps().unwrap_or_else(Act::errno)
}
