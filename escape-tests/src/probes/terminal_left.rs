//! A program that is killed leaves the alternate screen, mouse reports, marked pastes, a hidden cursor, another alphabet, or half a
//! title: the shell then shows nothing, or takes mouse movements for commands.   (threats: TTY-06)
use std::io::Write;

use crate::harness::screen::left_on;
use crate::probe::*;

/// Each mode that can be left on, the alternate screen with keys of its own, and at last a string that does not end ("XTerm
/// Control Sequences"; the kitty keyboard protocol).
const LEFT: &[u8] = b"text of the session\r\n\x1b[>1u\x1b[?1049h\x1b[>5u\x1b[?1000h\x1b[?1003h\x1b[?1006h\x1b[?1004h\
    \x1b[?2004h\x1b[?2031h\x1b[?1h\x1b=\x1b[?25l\x1b[?5h\x1b[4h\x1b[>4;2m\x1b(0\x0e\x1b[31;42m\x1b[3;5r\x1b[?2026h\
    \x1b]52;c;YXR0YWNr";

/// What stays readable on the main screen.
const TEXT: &str = "text of the session";

pub const PROBE: Probe = Probe {
    asks: "is the screen left in another mode?",
    threats: &["TTY-06"],
    behind: &[Guard::TerminalRestored],
    also_as_root: true,
    streams: Streams::Terminal,
    expect: Expect::Reached,
    attempt: |_| Seen::one("write(2)", Act::of(std::io::stderr().write_all(LEFT))),
    harmed: |bait| {
        let recorded = bait.recorded().unwrap_or_default();
        let left = left_on(&recorded.bytes);
        if !left.is_empty() {
            return Some(format!("left on: {}", left.join(", ")));
        }
        let mut screen = vt100::Parser::default();
        screen.process(&recorded.bytes);
        let kept = screen.screen().contents().contains(TEXT);
        (!kept).then(|| "the text of the main screen is gone".to_owned())
    },
    ..Probe::USUAL
};
