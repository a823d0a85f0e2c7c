//! Owns what a recorded terminal was left in: each mode that a shell does not expect, by name. vt100 knows some; the others are
//! what it hands on as not known to it ("XTerm Control Sequences"; the kitty keyboard protocol).

use std::collections::BTreeSet;

use vt100::{Callbacks, MouseProtocolMode, Parser, Screen};

use crate::terminal::{COLUMNS, ROWS, lines};

/// Private modes that a shell does not expect to be set, beside those that vt100 knows.
const PRIVATE: [(u16, &str); 7] = [
    (5, "reverse video"),
    (1001, "highlighting reports"),
    (1004, "reports of focus"),
    (1015, "mouse reports of urxvt"),
    (1016, "mouse reports in pixels"),
    (2026, "synchronized output"),
    (2031, "reports of the colour scheme"),
];

/// What is on, of that which vt100 does not know.
#[derive(Debug, Default)]
struct Others {
    on: BTreeSet<&'static str>,
    /// Flags of the kitty keyboard protocol that were pushed, on the main screen and on the alternate one.
    keyboard: [u16; 2],
}

impl Others {
    fn set(&mut self, what: &'static str, on: bool) {
        if on {
            self.on.insert(what);
        } else {
            self.on.remove(what);
        }
    }
}

impl Callbacks for Others {
    fn unhandled_escape(&mut self, _: &mut Screen, i1: Option<u8>, _: Option<u8>, byte: u8) {
        if i1 == Some(b'(') {
            self.set("another character set in G0", byte != b'B');
        }
    }

    fn unhandled_csi(
        &mut self,
        screen: &mut Screen,
        i1: Option<u8>,
        _: Option<u8>,
        params: &[&[u16]],
        letter: char,
    ) {
        let first = params.first().and_then(|one| one.first()).copied();
        let first = first.unwrap_or_default();
        let stack = &mut self.keyboard[usize::from(screen.alternate_screen())];
        match (i1, letter) {
            (Some(b'>'), 'u') => *stack += 1,
            (Some(b'<'), 'u') => *stack = stack.saturating_sub(first.max(1)),
            (Some(b'>'), 'm') if first == 4 => self.set("modifyOtherKeys", params.len() > 1),
            (None, 'h' | 'l') if first == 4 => self.set("inserting", letter == 'h'),
            (None, 'h' | 'l') if first == 2 => self.set("a locked keyboard", letter == 'h'),
            (Some(b'?'), 'h' | 'l') => {
                for number in params.iter().filter_map(|one| one.first()) {
                    if let Some((_, what)) = PRIVATE.iter().find(|(mode, _)| mode == number) {
                        self.set(what, letter == 'h');
                    }
                }
            }
            _ => {}
        }
    }
}

/// Everything that is on which a shell does not expect, after these bytes.
#[must_use]
pub fn left_on(bytes: &[u8]) -> Vec<&'static str> {
    let mut terminal =
        Parser::new_with_callbacks(lines(ROWS), lines(COLUMNS), 0, Others::default());
    terminal.process(bytes);
    // Where a string was left open, nothing that the shell prints is seen.
    let before = terminal.screen().contents();
    terminal.process(b"$");
    let mut left = Vec::new();
    let screen = terminal.screen();
    for (what, on) in [
        ("the alternate screen", screen.alternate_screen()),
        ("a hidden cursor", screen.hide_cursor()),
        ("marked pastes", screen.bracketed_paste()),
        ("cursor keys of an application", screen.application_cursor()),
        ("the keypad of an application", screen.application_keypad()),
        (
            "mouse reports",
            screen.mouse_protocol_mode() != MouseProtocolMode::None,
        ),
        (
            "a colour",
            screen.fgcolor() != vt100::Color::Default || screen.bgcolor() != vt100::Color::Default,
        ),
        ("a string that does not end", screen.contents() == before),
    ] {
        left.extend(on.then_some(what));
    }
    let others = terminal.callbacks();
    left.extend(&others.on);
    left.extend((others.keyboard != [0, 0]).then_some("keys of the kitty protocol"));
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_is_seen_and_none_where_there_is_none() {
        assert!(left_on(b"plain text\r\n").is_empty());
        for (bytes, what) in [
            ("\x1b[?1049h", "the alternate screen"),
            ("\x1b[?25l", "a hidden cursor"),
            ("\x1b[?1004h", "reports of focus"),
            ("\x1b[?2026h", "synchronized output"),
            ("\x1b[>1u", "keys of the kitty protocol"),
            (
                "\x1b[?1049h\x1b[>1u\x1b[?1049l",
                "keys of the kitty protocol",
            ),
            ("\x1b(0", "another character set in G0"),
            ("\x1b[>4;2m", "modifyOtherKeys"),
            ("\x1b[4h", "inserting"),
            ("\x1b[31m", "a colour"),
            ("\x1b]0;", "a string that does not end"),
        ] {
            assert_eq!(left_on(bytes.as_bytes()), [what], "{bytes:?}");
        }
    }
}
