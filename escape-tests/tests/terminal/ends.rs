//! Each way to end: the exit status, the modes of the terminal, and what survives, which is nothing (RUN-03, RUN-04, HARD-06).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use escape_tests::terminal::{Process, Terminal, descendants, processes_with};
use escape_tests::{Caller, SOON, until};
use rustix::process::Signal;

use crate::{claudebox, kill, nothing_is_left, sh};

#[test]
fn the_exit_status_is_that_of_the_command() {
    let caller = Caller::new();
    for (command, code) in [
        (&["sh", "-c", "exit 0"][..], 0),
        (&["sh", "-c", "exit 42"], 42),
        (&["sh", "-c", "exit 255"], 255),
        (&["sh", "-c", "kill -TERM $$"], 143),
        (&["sh", "-c", "kill -KILL $$"], 137),
        (&["/etc/passwd"], 126),
        (&["no-such-command-anywhere"], 127),
    ] {
        let line = claudebox(&[&["exec", "-y", "--network", "none", "--"], command].concat());
        let ended = Terminal::start(&caller, &line, |_| {}).ended(SOON);
        assert_eq!(ended.code, code, "{command:?}");
        assert_eq!(ended.modes_before, ended.modes_after, "{command:?}");
    }
}

#[test]
fn the_modes_that_a_killed_command_set_are_taken_back() {
    let caller = Caller::new();
    let terminal = sh(
        &caller,
        r#"stty raw -echo && echo chan""ged && kill -KILL $$"#,
    );
    terminal.expect("changed");
    let ended = terminal.ended(SOON);
    assert_eq!(ended.code, 137);
    assert_eq!(ended.modes_before, ended.modes_after);
}

/// A session in which processes try to stay: one in the background, one in a session of its own, both deaf to polite signals.
/// All of them carry the marker.
struct Stayers {
    terminal: Terminal,
    launcher: u32,
    marker: String,
    _caller: Caller,
}

impl Stayers {
    fn start() -> Self {
        let caller = Caller::new();
        // sleep takes any number; this one is of this test alone.
        let nanos = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("a clock");
        let marker = format!(
            "7654{}.{}",
            std::process::id(),
            nanos.as_nanos() % 1_000_000_000
        );
        let script =
            r#"(trap "" HUP TERM INT; sleep "$0" & setsid sleep "$0" & wait) & exec sleep "$0""#;
        let line = claudebox(&[
            "exec",
            "-y",
            "--network",
            "none",
            "--",
            "sh",
            "-c",
            script,
            &marker,
        ]);
        let terminal = Terminal::start(&caller, &line, |_| {});
        let launcher = terminal.command_pid();
        let stayers = Self {
            terminal,
            launcher,
            marker,
            _caller: caller,
        };
        until("three sleeping processes", SOON, || {
            (stayers.sleeping().len() == 3).then_some(())
        });
        stayers
    }

    fn sleeping(&self) -> Vec<Process> {
        processes_with(&self.marker)
            .into_iter()
            .filter(|process| process.name == "sleep")
            .collect()
    }

    /// Asserts that 2 s later nothing is left, neither inside nor of the launcher, and tells the exit status.
    fn are_gone(self) -> i32 {
        nothing_is_left(|| {
            let mut left = processes_with(&self.marker);
            left.extend(self.terminal.session());
            left
        });
        let ended = self.terminal.ended(SOON);
        assert_eq!(ended.modes_before, ended.modes_after);
        ended.code
    }
}

#[test]
fn nothing_survives_sigterm() {
    let stayers = Stayers::start();
    kill(stayers.launcher, Signal::TERM);
    assert_eq!(stayers.are_gone(), 143);
}

#[test]
fn nothing_survives_sighup() {
    let stayers = Stayers::start();
    kill(stayers.launcher, Signal::HUP);
    assert_eq!(stayers.are_gone(), 129);
}

#[test]
fn nothing_survives_sigkill_of_the_launcher() {
    let stayers = Stayers::start();
    kill(stayers.launcher, Signal::KILL);
    assert_eq!(stayers.are_gone(), 137);
}

#[test]
fn nothing_survives_sigkill_of_bwrap() {
    let stayers = Stayers::start();
    let below = descendants(stayers.launcher);
    let bwrap = below.iter().find(|process| process.name == "bwrap");
    let bwrap = bwrap.unwrap_or_else(|| panic!("no bwrap below the launcher: {below:#?}"));
    kill(bwrap.pid, Signal::KILL);
    let code = stayers.are_gone();
    assert!(
        code == 137 || code == 125,
        "a session that was killed is no success: {code}"
    );
}

#[test]
fn nothing_survives_sigkill_of_the_first_process_inside() {
    let stayers = Stayers::start();
    let below = descendants(stayers.launcher);
    let first = below.iter().find(|process| process.name == "init");
    let first = first.unwrap_or_else(|| panic!("no init stage below the launcher: {below:#?}"));
    kill(first.pid, Signal::KILL);
    let code = stayers.are_gone();
    assert!(
        code == 137 || code == 125,
        "a session that was killed is no success: {code}"
    );
}

#[test]
fn nothing_survives_the_terminal() {
    let Stayers {
        terminal, marker, ..
    } = Stayers::start();
    // The window is closed: the kernel sends SIGHUP to the leader of the session and to the foreground.
    drop(terminal);
    until("all of it to be gone", Duration::from_secs(2), || {
        processes_with(&marker).is_empty().then_some(())
    });
}

#[test]
fn nothing_survives_the_end_of_the_command() {
    let caller = Caller::new();
    let marker = format!("7655{}.5", std::process::id());
    let terminal = sh(
        &caller,
        &format!(r#"setsid sleep {marker} & sleep 0.5; exit 4"#),
    );
    until("the process that stays", SOON, || {
        processes_with(&marker)
            .into_iter()
            .find(|process| process.name == "sleep")
    });
    assert_eq!(terminal.ended(SOON).code, 4);
    until("it to be gone", Duration::from_secs(2), || {
        processes_with(&marker).is_empty().then_some(())
    });
}
