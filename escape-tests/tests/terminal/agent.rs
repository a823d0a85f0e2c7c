//! The real Claude Code at a terminal: a turn by hand, another size of the window, and the terminal given back (HARD-06).

use std::thread::sleep;
use std::time::Duration;

use escape_tests::claude_code::{
    InstallForm, ONBOARDED, Package, onboard, onboarded_env, passed, turn_env,
};
use escape_tests::messages_api::MessagesApi;
use escape_tests::terminal::{Ended, Process, Terminal, descendants, processes};
use escape_tests::{Caller, SOON, until};

use crate::{QUESTION, claudebox};

/// Claude Code on a terminal, with what it lives from, which is dropped after it.
struct Session {
    terminal: Terminal,
    _api: MessagesApi,
    caller: Caller,
}

impl Session {
    /// From `claudebox run` without `-y` up to the agent's prompt, for a person who knows it already. Nothing where there is no
    /// Claude Code.
    fn start() -> Option<Self> {
        let package = Package::find()?;
        let caller = Caller::new();
        let _ = package.install(InstallForm::Native, &caller);
        let api = MessagesApi::start();
        onboard(&caller);
        let passed = passed(&api);
        let passed: Vec<&str> = passed.iter().map(String::as_str).collect();
        let line = claudebox(&[&["run"][..], &ONBOARDED, &passed].concat());
        let terminal = Terminal::start(&caller, &line, |command| {
            turn_env(command, &api);
            onboarded_env(command, &caller);
        });
        terminal.expect(QUESTION);
        terminal.type_text("\r");
        terminal.expect_that("Claude Code's prompt", |terminal| {
            let screen = terminal.screen();
            screen.contains("Claude Code v") && screen.contains("bypass permissions on")
        });
        Some(Self {
            terminal,
            _api: api,
            caller,
        })
    }
}

/// Ctrl-C twice, which is how a person leaves Claude Code.
fn leave(terminal: &Terminal) -> Ended {
    terminal.type_text("\x03");
    sleep(Duration::from_millis(300));
    terminal.type_text("\x03");
    let ended = terminal.ended(SOON);
    assert_eq!(ended.modes_before, ended.modes_after);
    assert!(
        !terminal.alternate_screen(),
        "the alternate screen was left"
    );
    assert!(!terminal.cursor_hidden(), "the cursor is there again");
    ended
}

#[test]
fn claude_code_takes_the_screen_and_gives_it_back() {
    let Some(session) = Session::start() else {
        return;
    };
    let terminal = &session.terminal;
    // A turn as a person makes it: typed, sent, read.
    terminal.type_text("RUN: echo seen-$((6*7))");
    terminal.expect_that("the typed prompt", |terminal| {
        terminal.screen().contains("seen-$((6*7))")
    });
    terminal.type_text("\r");
    terminal.expect_that("the agent's answer", |terminal| {
        terminal.screen().contains("TOOL SAID: seen-42")
    });
    assert_eq!(leave(terminal).code, 0);
}

#[test]
fn claude_code_draws_its_screen_anew_for_another_size() {
    let Some(session) = Session::start() else {
        return;
    };
    let terminal = &session.terminal;
    let widest = |terminal: &Terminal| {
        terminal
            .screen()
            .lines()
            .map(|line| line.chars().count())
            .max()
    };
    assert!(widest(terminal) <= Some(80));
    terminal.resize(40, 120);
    terminal.expect_that("a screen as wide as the window", |terminal| {
        widest(terminal) == Some(120)
    });
    assert_eq!(leave(terminal).code, 0);
}

#[test]
fn claude_code_is_interrupted_by_escape() {
    let Some(session) = Session::start() else {
        return;
    };
    let terminal = &session.terminal;
    terminal.type_text("RUN: echo $$ > up; sleep 600");
    terminal.expect_that("the typed prompt", |terminal| {
        terminal.screen().contains("sleep 600")
    });
    terminal.type_text("\r");
    until("the tool call to run", SOON, || {
        session.caller.project().join("up").exists().then_some(())
    });
    terminal.type_text("\x1b");
    terminal.expect_that("the interruption", |terminal| {
        terminal.screen().contains("nterrupted")
    });
    let _ = leave(terminal);
}

#[test]
fn claude_code_ends_with_its_window() {
    let Some(session) = Session::start() else {
        return;
    };
    let terminal = &session.terminal;
    let launcher = terminal.command_pid();
    let mut running = descendants(launcher);
    assert!(
        running.iter().any(|process| process.name == "claude"),
        "{running:#?}"
    );
    running.extend(
        processes()
            .into_iter()
            .filter(|process| process.pid == launcher),
    );
    drop(session.terminal);
    until("all of it to be gone", SOON, || {
        let left = processes();
        let is_left = |process: &Process| left.iter().any(|other| other.pid == process.pid);
        (!running.iter().any(is_left)).then_some(())
    });
}
