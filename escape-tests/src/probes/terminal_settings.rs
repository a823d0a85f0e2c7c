//! A program leaves the terminal raw, without echo, with another speed, with another process group in its foreground. Whoever
//! started claudebox gets it back as it was.   (threats: TTY-03, TTY-06)
use nix::sys::termios::{LocalFlags, SetArg, cfmakeraw, tcgetattr, tcsetattr};

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "is the terminal left with other settings or another foreground?",
    threats: &["TTY-03", "TTY-06"],
    behind: &[Guard::TerminalRestored],
    also_as_root: true,
    streams: Streams::Terminal,
    expect: Expect::Exactly(|_| Seen::one("the terminal, made raw", Act::saw("raw"))),
    attempt: |_| {
        let made_raw = || -> nix::Result<bool> {
            let terminal = std::io::stdin();
            let mut settings = tcgetattr(&terminal)?;
            cfmakeraw(&mut settings);
            tcsetattr(&terminal, SetArg::TCSANOW, &settings)?;
            let now = tcgetattr(&terminal)?.local_flags;
            Ok(!now.intersects(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG))
        };
        let act = match made_raw() {
            Ok(true) => Act::saw("raw"),
            Ok(false) => Act::Broken("it is not raw".into()),
            Err(errno) => Act::errno(errno),
        };
        Seen::one("the terminal, made raw", act)
    },
    harmed: |bait| {
        let Some(recorded) = bait.recorded() else {
            return Some("the terminal was not recorded".into());
        };
        let [before, after] = &recorded.settings;
        if before.is_empty() || before != after {
            return Some(format!("settings before {before:?}, after {after:?}"));
        }
        let given_back = recorded.foreground_given_back;
        (!given_back).then(|| "another process group is in the foreground".to_owned())
    },
    ..Probe::USUAL
};
