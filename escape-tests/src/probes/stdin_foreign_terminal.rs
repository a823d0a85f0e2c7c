//! A terminal of another session as standard input: whoever has it open sets its modes, and nobody gives them back, as it is not the
//! launcher's to give.   (threats: PROC-07, TTY-03, TTY-04)
use std::io::IsTerminal;

use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};

use crate::harness::inside::kind_of;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it set a terminal of another session that is its standard input?",
    threats: &["PROC-07", "TTY-03", "TTY-04"],
    behind: &[Guard::StdioRelay],
    also_as_root: true,
    streams: Streams::ForeignTerminal,
    expect: Expect::Exactly(|_| Seen::one("standard input", Act::saw("pipe"))),
    attempt: |_| {
        let stdin = std::io::stdin();
        let seen = Seen::one("standard input", kind_of(&stdin));
        if !stdin.is_terminal() {
            return seen;
        }
        let set = tcgetattr(&stdin).and_then(|mut modes| {
            cfmakeraw(&mut modes);
            tcsetattr(&stdin, SetArg::TCSANOW, &modes)
        });
        seen.and("made raw", Act::of_nix(set))
    },
    ..Probe::USUAL
};
