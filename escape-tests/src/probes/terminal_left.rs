//! A program that is killed leaves the alternate screen, mouse reports, bracketed paste or a hidden cursor: the shell then shows
//! nothing, or takes mouse movements for commands.   (threats: TTY-06)
use std::io::Write;

use crate::probe::*;

/// Alternate screen, mouse reports, bracketed paste, hidden cursor (xterm control sequences).
const LEFT: &[u8] = b"\x1b[?1049h\x1b[?1000h\x1b[?2004h\x1b[?25l";

pub const PROBE: Probe = Probe {
    asks: "is the screen left in another mode?",
    threats: &["TTY-06"],
    behind: &[],
    needs: &[Need::Unbuilt(Unbuilt::TerminalRestored)],
    streams: Streams::Terminal,
    expect: Expect::Reached,
    attempt: |_| Seen::one("write(2)", Act::of(std::io::stderr().write_all(LEFT))),
    harmed: |bait| {
        let mut screen = vt100::Parser::default();
        screen.process(&bait.recorded()?.bytes);
        let screen = screen.screen();
        let left = screen.alternate_screen()
            || screen.hide_cursor()
            || screen.bracketed_paste()
            || screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None;
        left.then(|| "alternate screen, mouse, paste or cursor were left behind".to_owned())
    },
    ..Probe::USUAL
};
