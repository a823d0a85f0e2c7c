//! Owns the bytes that bring a screen back to what a shell expects (HARD-06). Pure.
//!
//! They are written without knowing what the command changed, so each of them changes nothing where nothing was changed, and no
//! text, cursor or scroll-back is lost. What would be lost is left alone: the palette and the cursor's shape, which many set
//! once when their shell starts, the title, and the size of the window. Sources: "XTerm Control Sequences" (ctlseqs), ECMA-48,
//! console_codes(4), the kitty keyboard protocol, "Terminal spec: synchronized output".

/// One thing that is taken back.
#[derive(Debug)]
struct Reset {
    bytes: &'static str,
    /// Whether the console of Linux takes it too, or at least passes it over: older ones print what follows `CSI <`.
    console: bool,
}

/// In this order.
const RESETS: &[Reset] = {
    const fn all(bytes: &'static str) -> Reset {
        let console = true;
        Reset { bytes, console }
    }
    const fn emulators(bytes: &'static str) -> Reset {
        let console = false;
        Reset { bytes, console }
    }
    &[
        // CAN ends a sequence or a string that was left open, and what it began is not done; ST ends what CAN does not.
        all("\x18\x1b\\"),
        // Out of VT52 mode, where nothing below would be understood.
        emulators("\x1b<"),
        // All of this is one picture.
        emulators("\x1b[?2026h"),
        // The alternate screen. Left alone, 1049 would move the cursor to where it was when anybody entered it last: so it is
        // entered first, which saves the cursor where this is the main screen, and is nothing where it is not.
        all("\x1b[?1049h"),
        KEYBOARD,
        all("\x1b[?1049l"),
        KEYBOARD,
        // modifyOtherKeys. Before the colours: who does not know `>` takes it for underlining.
        emulators("\x1b[>4m"),
        // Mouse reports in each form, reports of focus, of the colour scheme and of the window's size, marked pastes.
        all("\x1b[?9l\x1b[?1000l\x1b[?1001l\x1b[?1002l\x1b[?1003l\x1b[?1004l"),
        all("\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?1016l\x1b[?2004l"),
        emulators("\x1b[?2031l\x1b[?2048l"),
        // Cursor keys and keypad as usual, the keyboard unlocked, no local echo, no inserting, no newline for a return.
        all("\x1b[?1l\x1b>\x1b[2l\x1b[4l\x1b[20l"),
        emulators("\x1b[12h"),
        // No reverse video, lines wrap, the cursor is shown.
        all("\x1b[?5l\x1b[?7h\x1b[?25h"),
        // ASCII in G0, and G0 in use; no colour or style; no link.
        all("\x0f\x1b(B\x1b[m"),
        emulators("\x1b]8;;\x1b\\"),
        // The whole screen scrolls. Each of these moves the cursor, which is put back.
        all("\x1b7\x1b[?6l"),
        emulators("\x1b[?69l"),
        all("\x1b[r\x1b8"),
        emulators("\x1b[?2026l"),
    ]
};

/// The kitty keyboard protocol: each screen has a stack of its own.
const KEYBOARD: Reset = Reset {
    bytes: "\x1b[<99u\x1b[=0u",
    console: false,
};

/// What is written to a terminal of this TERM: nothing where it is no screen at all, as that of an editor's shell.
pub(super) fn reset(term: Option<&str>) -> String {
    let kind = term.unwrap_or_default();
    if kind.is_empty() || kind == "dumb" {
        return String::new();
    }
    let is_console = kind == "linux" || kind.starts_with("linux-");
    let resets = RESETS.iter().filter(|one| one.console || !is_console);
    resets.map(|one| one.bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A screen with text on it, on which this was written, then the reset.
    fn after(left: &str) -> vt100::Parser {
        let mut terminal = vt100::Parser::default();
        terminal.process(b"one\r\ntwo\r\n$ cmd");
        terminal.process(left.as_bytes());
        terminal.process(reset(Some("xterm")).as_bytes());
        terminal
    }

    fn modes(terminal: &vt100::Parser) -> String {
        let screen = terminal.screen();
        format!(
            "{} {} {} {} {} {:?} {:?} {:?} {:?} {} {}",
            screen.alternate_screen(),
            screen.application_cursor(),
            screen.application_keypad(),
            screen.bracketed_paste(),
            screen.hide_cursor(),
            screen.mouse_protocol_mode(),
            screen.mouse_protocol_encoding(),
            screen.fgcolor(),
            screen.bgcolor(),
            screen.underline() || screen.bold() || screen.inverse(),
            screen.contents()
        )
    }

    #[test]
    fn where_nothing_was_changed_nothing_changes() {
        let mut untouched = vt100::Parser::default();
        untouched.process(b"one\r\ntwo\r\n$ cmd");
        let reset = after("");
        assert_eq!(modes(&reset), modes(&untouched));
        assert_eq!(
            reset.screen().cursor_position(),
            untouched.screen().cursor_position()
        );
        assert_eq!(reset.screen().contents(), "one\ntwo\n$ cmd");
    }

    #[test]
    fn what_was_left_is_taken_back_and_text_and_cursor_stay() {
        let clean = after("");
        for left in [
            "\x1b[?1049h\x1b[2J\x1b[10;10Hfull of attack",
            "\x1b[?1049h\x1b[2J\x1b[3;9r\x1b[?6h\x1b[?25l\x1b[?1003h\x1b[?1006h",
            "\x1b[?1000h",
            "\x1b[?1002h\x1b[?1005h",
            "\x1b[?9h",
            "\x1b[?2004h",
            "\x1b[?25l",
            "\x1b[?1h\x1b=",
            "\x1b[31;42;1;4;7m",
            // Strings that do not end: title, clipboard, DCS, APC, PM, SOS, and half a sequence.
            "\x1b]0;title",
            "\x1b]52;c;",
            "\x1bP1$r",
            "\x1b_Gi=1;",
            "\x1b^",
            "\x1bX",
            "\x1b[38;5;",
            "\x1b",
        ] {
            let reset = after(left);
            assert_eq!(modes(&reset), modes(&clean), "{left:?}");
            assert_eq!(
                reset.screen().cursor_position(),
                clean.screen().cursor_position(),
                "{left:?}"
            );
        }
    }

    #[test]
    fn the_whole_screen_scrolls_again() {
        let mut terminal = after("\x1b[2;3r\x1b[3;6H");
        assert_eq!(terminal.screen().cursor_position(), (2, 5));
        terminal.process(b"\r\nbelow");
        assert_eq!(terminal.screen().cursor_position(), (3, 5));
    }

    #[test]
    fn a_console_gets_what_it_knows_and_no_screen_nothing() {
        for none in [None, Some(""), Some("dumb")] {
            assert_eq!(reset(none), "");
        }
        let console = reset(Some("linux"));
        assert!(!console.contains("[<") && !console.contains("[>") && !console.contains("[="));
        assert!(console.contains("\x1b[?25h") && reset(Some("xterm")).contains("\x1b[<99u"));
    }
}
