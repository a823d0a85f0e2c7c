//! Job control of an interactive bash, for which the launcher and all that is inside are one job (RUN-04).

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use escape_tests::terminal::{PROMPT, Terminal};
use escape_tests::{Caller, SOON, claudebox_bin, until};

/// A loop that shows that it goes on, in the project and on the terminal.
const TICKS: &str = "i=0; while :; do i=$((i+1)); echo tick-$i; echo $i > ticks; sleep 0.1; done";

/// The line that starts `claudebox exec -y -- bash -c SCRIPT` in the interactive bash. The script holds no single quote.
///
/// It is no matter for `sh`: dash starts programs by vfork, and Ctrl-Z between that and exec stops the child alone while its
/// parent waits for it unstoppably. That hangs a terminal without any sandbox too.
fn line_for_bash(script: &str) -> String {
    format!(
        "{} exec -y --network none -- bash -c '{script}'",
        claudebox_bin().display()
    )
}

/// Waits until the script counts on.
fn counts_on(caller: &Caller) {
    let ticks = || fs::read_to_string(caller.project().join("ticks")).unwrap_or_default();
    let before = ticks();
    until("the script to count on", SOON, || {
        (ticks() != before && !ticks().is_empty()).then_some(())
    });
}

/// Asserts that the script stands still.
fn stands_still(caller: &Caller) {
    let ticks =
        || fs::read_to_string(caller.project().join("ticks")).expect("the script has counted");
    sleep(Duration::from_millis(300));
    let before = ticks();
    sleep(Duration::from_millis(700));
    assert_eq!(before, ticks(), "a stopped job goes on inside");
}

#[test]
fn ctrl_z_stops_all_of_it_and_fg_continues() {
    let caller = Caller::new();
    let terminal = Terminal::bash(&caller);
    terminal.type_line(&line_for_bash(TICKS));
    counts_on(&caller);
    for _ in 0..2 {
        terminal.type_text("\x1a");
        terminal.expect("Stopped");
        stands_still(&caller);
        terminal.type_line("fg");
        counts_on(&caller);
    }
    terminal.forget();
    terminal.type_text("\x03");
    terminal.expect(PROMPT);
    terminal.type_line("echo status-$?");
    terminal.expect("status-130");
}

#[test]
fn a_stopped_job_goes_on_in_the_background() {
    let caller = Caller::new();
    let terminal = Terminal::bash(&caller);
    terminal.type_line(&line_for_bash(
        "i=0; while :; do i=$((i+1)); echo $i > ticks; sleep 0.1; done",
    ));
    counts_on(&caller);
    terminal.type_text("\x1a");
    terminal.expect("Stopped");
    stands_still(&caller);
    terminal.type_line("bg");
    counts_on(&caller);
    terminal.type_line("kill %1; wait %1; echo status-$?");
    terminal.expect("status-143");
}

#[test]
fn a_job_started_in_the_background_comes_to_the_front() {
    let caller = Caller::new();
    let terminal = Terminal::bash(&caller);
    let script =
        "echo > up; while [ ! -e go ]; do sleep 0.05; done; read line; echo got-$line; exit 5";
    terminal.type_line(&format!("{} 2>audit &", line_for_bash(script)));
    until("the job to run in the background", SOON, || {
        caller.project().join("up").exists().then_some(())
    });
    terminal.type_line("fg");
    // Not before it is in front: reading from behind would stop it, which the next test is about.
    sleep(Duration::from_millis(300));
    fs::write(caller.project().join("go"), "").expect("writing to the project");
    terminal.type_text("hello\r");
    terminal.expect("got-hello");
    // What is typed before the prompt is there is thrown away with the answers of the terminal.
    terminal.expect(PROMPT);
    terminal.type_line("echo status-$?");
    terminal.expect("status-5");
}

#[test]
fn reading_from_the_background_stops_the_job() {
    let caller = Caller::new();
    let terminal = Terminal::bash(&caller);
    terminal.type_line(&format!(
        "{} 2>audit &",
        line_for_bash("echo > up; read line; echo got-$line; exit 5")
    ));
    until("the job to run in the background", SOON, || {
        caller.project().join("up").exists().then_some(())
    });
    until("bash to see it stopped", SOON, || {
        terminal.type_line("jobs");
        sleep(Duration::from_millis(200));
        terminal.written().contains("Stopped").then_some(())
    });
    terminal.type_line("fg");
    sleep(Duration::from_millis(300));
    terminal.type_text("hello\r");
    terminal.expect("got-hello");
    // What is typed before the prompt is there is thrown away with the answers of the terminal.
    terminal.expect(PROMPT);
    terminal.type_line("echo status-$?");
    terminal.expect("status-5");
}
