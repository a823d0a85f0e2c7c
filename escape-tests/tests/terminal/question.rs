//! The audit at a terminal, the question after it, and each of its answers (AUD-A, AUD-C).

use std::num::NonZeroU16;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use escape_tests::terminal::Terminal;
use escape_tests::{Caller, SOON, run};

use crate::{QUESTION, claudebox};

/// What `exec -- touch started; exit 7` did after `answer`: its exit status, and whether it started.
fn answered(answer: &str) -> (i32, bool) {
    let caller = Caller::new();
    let line = claudebox(&[
        "exec",
        "--network",
        "none",
        "--",
        "sh",
        "-c",
        "touch started; exit 7",
    ]);
    let terminal = Terminal::start(&caller, &line, |_| {});
    terminal.expect(QUESTION);
    let started = caller.project().join("started");
    sleep(Duration::from_millis(300));
    assert!(!started.exists(), "it must not start before the answer");
    terminal.type_text(answer);
    let ended = terminal.ended(SOON);
    assert_eq!(ended.modes_before, ended.modes_after, "after {answer:?}");
    // What is kept of a project is made after the question.
    assert_eq!(caller.home().join(".claudebox").exists(), started.exists());
    (ended.code, started.exists())
}

#[test]
fn enter_y_and_yes_start_it() {
    for answer in ["\r", "y\r", "Y\r", "yes\r"] {
        assert_eq!(answered(answer), (7, true), "after {answer:?}");
    }
}

#[test]
fn n_and_the_end_of_input_start_nothing() {
    for answer in ["n\r", "N\r", "no\r", "\x04"] {
        assert_eq!(answered(answer), (125, false), "after {answer:?}");
    }
}

#[test]
fn ctrl_c_at_the_question_starts_nothing() {
    assert_eq!(answered("\x03"), (130, false));
}

#[test]
fn an_answer_that_is_none_is_asked_again() {
    let caller = Caller::new();
    let line = claudebox(&["exec", "--network", "none", "--", "true"]);
    let terminal = Terminal::start(&caller, &line, |_| {});
    terminal.expect(QUESTION);
    terminal.forget();
    terminal.type_text("perhaps\r");
    terminal.expect_that("the question again, or the end", |terminal| {
        terminal.written().contains(QUESTION) || terminal.has_ended()
    });
    if !terminal.has_ended() {
        terminal.type_text("y\r");
        assert_eq!(terminal.ended(SOON).code, 0);
    } else {
        // Not to understand is not to agree.
        assert_eq!(terminal.ended(SOON).code, 125);
    }
}

#[test]
fn reset_asks_first_and_only_yes_removes() {
    for (answer, code) in [("\r", 125), ("n\r", 125), ("\x04", 125), ("yes\r", 0)] {
        let caller = Caller::new();
        let first = ["exec", "-y", "--network", "none", "--", "true"];
        let _ = run(caller.claudebox().args(first), SOON).success();
        let kept = || {
            let projects = caller.home().join(".claudebox/projects");
            std::fs::read_dir(projects).expect("it is there").count()
        };
        assert_eq!(kept(), 1);
        let terminal = Terminal::start(&caller, &claudebox(&["reset"]), |_| {});
        terminal.expect("Remove? [y/N]");
        assert!(terminal.written().contains("src/app"), "whose it is");
        terminal.type_text(answer);
        assert_eq!(terminal.ended(SOON).code, code, "after {answer:?}");
        assert_eq!(kept(), usize::from(code != 0), "after {answer:?}");
    }
}

#[test]
fn no_line_of_the_audit_is_wider_than_the_terminal() {
    let caller = Caller::new();
    let long = "a-name-as-long-as-names-of-branches-and-tickets-become-in-the-long-run";
    let deep = caller.home().join(long).join(long);
    caller.write(&deep.join("file"), "");
    let line = claudebox(&["exec", "--env", "LONG_VALUE", "--mount"]);
    let line = [line, vec![deep.into(), "--".into(), "true".into()]].concat();
    let terminal = Terminal::start(&caller, &line, |command| {
        command.env("LONG_VALUE", "value ".repeat(50));
    });
    terminal.expect(QUESTION);
    // A terminal on which nothing wraps or scrolls shows the lines as they were written.
    let size = |number| NonZeroU16::new(number).expect("not zero");
    let mut wide = vt100::Parser::new(size(500), size(2000), 0);
    wide.process(terminal.written().as_bytes());
    let lines: Vec<String> = wide.screen().rows(0, 2000).collect();
    let too_wide: Vec<&String> = lines
        .iter()
        .filter(|line| line.trim_end().chars().count() > 80)
        .collect();
    assert!(
        lines.iter().any(|line| line.contains("LONG_VALUE")),
        "the audit names what was asked for: {lines:#?}"
    );
    assert_eq!(too_wide, Vec::<&String>::new());
    terminal.type_text("n\r");
    assert_eq!(terminal.ended(SOON).code, 125);
}

#[test]
fn without_a_terminal_and_without_yes_it_refuses() {
    let caller = Caller::new();
    let mut command = caller.claudebox();
    let ran = run(
        command
            .args(["exec", "--", "touch", "started"])
            .stdin(Stdio::null()),
        SOON,
    );
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    assert!(
        ran.stderr.contains("--yes") && ran.stderr.contains("hint:"),
        "{ran}"
    );
    assert!(
        ran.stdout.is_empty() && !caller.project().join("started").exists(),
        "{ran}"
    );
}

/// What a start says and does whose project has a profile that nobody approved, after `answers` to its questions in turn.
fn approving(profile: &str, answers: &[(&str, &str)]) -> (i32, String) {
    let caller = Caller::new();
    caller.write(&caller.project().join(".claudebox.json"), profile);
    let line = claudebox(&[
        "exec",
        "--network",
        "none",
        "--",
        "sh",
        "-c",
        "test \"$MODE\" = approved && exit 7; exit 8",
    ]);
    let terminal = Terminal::start(&caller, &line, |_| {});
    for (question, answer) in answers {
        terminal.expect(question);
        terminal.type_text(answer);
    }
    let ended = terminal.ended(SOON);
    (ended.code, terminal.written())
}

const APPROVE: &str = ".claudebox.json as it is? [y/N]";

#[test]
fn what_a_project_asks_for_is_shown_and_approved_apart() {
    let profile = "{\"set\": {\"MODE\": \"approved\"}, \"hide\": [\"*.pem\"]}";
    let (code, said) = approving(profile, &[(APPROVE, "y\r"), (QUESTION, "y\r")]);
    assert_eq!(code, 7, "{said}");
    assert!(
        said.contains("set.MODE=") && said.contains("hide: *.pem"),
        "{said}"
    );
    // To approve is not to start.
    assert_eq!(
        approving(profile, &[(APPROVE, "y\r"), (QUESTION, "n\r")]).0,
        125
    );
    // Enter is no, and then it is refused, with the fix.
    for answer in ["\r", "n\r", "\x04"] {
        let (code, said) = approving(profile, &[(APPROVE, answer)]);
        assert_eq!(code, 125, "{answer:?}: {said}");
        assert!(
            said.contains("nobody approved it") && said.contains("claudebox trust"),
            "{said}"
        );
    }
    // What only tightens is asked for too, and counts all the same.
    let narrow = "{\"network\": \"none\"}";
    assert_eq!(
        approving(narrow, &[(APPROVE, "n\r"), (QUESTION, "y\r")]).0,
        8
    );
}

#[test]
fn what_was_shown_is_approved_and_not_what_came_after() {
    let caller = Caller::new();
    let file = caller.project().join(".claudebox.json");
    caller.write(&file, "{\"set\": {\"MODE\": \"shown\"}}");
    let line = claudebox(&["exec", "--network", "none", "--", "true"]);
    let terminal = Terminal::start(&caller, &line, |_| {});
    terminal.expect(APPROVE);
    caller.write(&file, "{\"set\": {\"MODE\": \"put in its place\"}}");
    terminal.type_text("y\r");
    let ended = terminal.ended(SOON);
    let said = terminal.written();
    assert_eq!(ended.code, 125, "{said}");
    assert!(said.contains("changed since it was approved"), "{said}");
}
