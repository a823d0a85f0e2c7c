//! A key or a signal while the sandbox is being made: it is the end, by its own status, and of all of it (RUN-03, RUN-04).
//!
//! The moment is not to be had exactly: each test tries many, a millisecond apart, around the time that a start takes.

use std::thread::sleep;
use std::time::{Duration, Instant};

use escape_tests::terminal::Terminal;
use escape_tests::{Caller, SOON};
use rustix::process::Signal;

use crate::{QUESTION, claudebox, kill, nothing_is_left};

/// Interrupts `exec -- sleep` at each moment of its start, and judges its exit status and what it leaves.
fn interrupted_while_it_starts(status: i32, interrupt: impl Fn(&Terminal)) {
    for delay in (0..40).map(Duration::from_millis) {
        let caller = Caller::new();
        let line = claudebox(&["exec", "--network", "none", "--", "sleep", "1000"]);
        let terminal = Terminal::start(&caller, &line, |_| {});
        terminal.expect(QUESTION);
        terminal.type_text("\r");
        sleep(delay);
        interrupt(&terminal);
        let ended = terminal.ended(SOON);
        assert_eq!(
            ended.code,
            status,
            "after {delay:?}; screen:\n{}",
            terminal.screen()
        );
        assert_eq!(ended.modes_before, ended.modes_after, "after {delay:?}");
        nothing_is_left(|| terminal.session());
    }
}

#[test]
fn ctrl_c_while_it_starts_ends_it() {
    interrupted_while_it_starts(130, |terminal| terminal.type_text("\x03"));
}

#[test]
fn sigterm_while_it_starts_ends_it() {
    interrupted_while_it_starts(143, |terminal| kill(terminal.command_pid(), Signal::TERM));
}

#[test]
fn sighup_while_it_starts_ends_it() {
    interrupted_while_it_starts(129, |terminal| kill(terminal.command_pid(), Signal::HUP));
}

#[test]
fn sigkill_while_it_starts_ends_all_of_it() {
    interrupted_while_it_starts(137, |terminal| kill(terminal.command_pid(), Signal::KILL));
}

/// Between two process groups a key must not be lost: PID 1 takes the terminal before there is a command to be ended.
#[test]
fn ctrl_c_as_the_terminal_is_handed_over_ends_it() {
    for _ in 0..20 {
        let caller = Caller::new();
        let line = claudebox(&["exec", "--network", "none", "--", "sleep", "1000"]);
        let terminal = Terminal::start(&caller, &line, |_| {});
        terminal.expect(QUESTION);
        let launcher = terminal.foreground();
        terminal.type_text("\r");
        let end = Instant::now() + SOON;
        while terminal.foreground() == launcher && Instant::now() < end {}
        terminal.type_text("\x03");
        assert_eq!(
            terminal.ended(SOON).code,
            130,
            "screen:\n{}",
            terminal.screen()
        );
        nothing_is_left(|| terminal.session());
    }
}
