//! A terminal answers questions by typing: what it is, where the cursor is, what the clipboard holds. What the command asked last is
//! answered when it is gone, and would be typed into the shell.   (threats: TTY-06)
use std::io::Write;

use crate::probe::*;

/// DA1, DSR 6 and OSC 52 ("XTerm Control Sequences"), to each of which the terminal of the trial answers.
const QUESTIONS: &[u8] = b"\x1b[c\x1b[6n\x1b]52;c;?\x1b\\";

pub const PROBE: Probe = Probe {
    asks: "is an answer of the terminal typed into the shell?",
    threats: &["TTY-06"],
    behind: &[Guard::TerminalRestored],
    also_as_root: true,
    streams: Streams::Terminal,
    expect: Expect::Reached,
    attempt: |_| Seen::one("write(2)", Act::of(std::io::stderr().write_all(QUESTIONS))),
    harmed: |bait| match bait.recorded() {
        None => Some("the terminal was not recorded".into()),
        Some(recorded) if recorded.typed.is_empty() => None,
        Some(recorded) => {
            let typed = String::from_utf8_lossy(&recorded.typed).into_owned();
            Some(format!("typed into the shell: {typed:?}"))
        }
    },
    ..Probe::USUAL
};
