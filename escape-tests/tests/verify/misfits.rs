//! What keeps it from trying: never a proof, and nothing is left behind. Each ends in 125 with a hint, or by its signal.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use escape_tests::probe::Guard;
use escape_tests::{Ran, SOON, claudebox_bin, run, until};
use libtest_mimic::Trial;
use rustix::process::{Pid, Signal, kill_process};

use crate::person::{COMPANION, Person, rows};
use crate::test;

/// The tests.
pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("misfits::a_wrong_command_line", a_wrong_command_line),
        test("misfits::a_launcher_that_refuses", a_launcher_that_refuses),
        test(
            "misfits::a_launcher_that_starts_nothing",
            a_launcher_that_starts_nothing,
        ),
        test("misfits::another_exit_status", another_exit_status),
        test(
            "misfits::a_word_beside_the_reports",
            a_word_beside_the_reports,
        ),
        test("misfits::a_hang", a_hang),
        test(
            "misfits::a_home_that_cannot_be_written",
            a_home_that_cannot_be_written,
        ),
        test("misfits::signals", signals),
    ]
}

/// It could not be tried, and says what helps.
fn untried(ran: &Ran, what: &str) {
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    assert!(ran.stderr.contains(what), "it does not say {what:?}:{ran}");
    assert!(
        ran.stderr.lines().any(|line| line.starts_with("hint: ")),
        "no hint:{ran}"
    );
    assert!(!ran.stderr.contains("panicked"), "{ran}");
}

fn a_wrong_command_line() {
    let person = Person::new(false);
    untried(&person.verify(&["--netwrok", "none"]), "--netwrok");
    untried(&person.verify(&["--network", "lan"]), "inet");
    untried(&person.verify(&["--mount", "/nonexistent"]), "/nonexistent");
    untried(
        &run(&mut person.command(COMPANION), SOON),
        "required arguments",
    );
    let ran = run(
        person
            .command(COMPANION)
            .args(["--launcher", "x", "--\u{202e}x"]),
        SOON,
    );
    untried(&ran, "\\u{202e}");
    assert!(!ran.stderr.contains('\u{202e}'), "{ran}");
}

fn a_launcher_that_refuses() {
    let person = Person::new(false);
    let refusing = person.script(
        "printf 'an audit\\nclaudebox: no \\033[31m way\\nhint: another way\\n' >&2; exit 125",
    );
    let ran = run(
        &mut person.companion(&refusing, &["--network", "none"]),
        SOON,
    );
    untried(&ran, "claudebox: no \\x1b[31m way\nhint: another way\n");
    assert_eq!(ran.stdout, "", "{ran}");
    assert!(!ran.stderr.contains("an audit"), "{ran}");
    assert_eq!(person.bait(), None);
}

fn a_launcher_that_starts_nothing() {
    let person = Person::new(false);
    for (body, said) in [
        ("exit 0", "it reported nothing"),
        ("exit 125", "said nothing of it"),
        ("echo fine", "no report"),
        ("cat /dev/zero | head -c 20000000; exit 0", "no report"),
    ] {
        let ran = run(
            &mut person.companion(&person.script(body), &["--network", "none"]),
            SOON,
        );
        untried(&ran, said);
        assert!(!ran.stdout.contains(" proven  "), "{body}:{ran}");
    }
    let gone = person.caller.folder().join("gone");
    untried(
        &run(&mut person.companion(&gone, &["--network", "none"]), SOON),
        "gone",
    );
    assert_eq!(person.bait(), None);
}

/// All attempts are made and reported, and then something is not as it should be.
fn another_exit_status() {
    let person = Person::new(false);
    // The one that is killed must be the launcher itself, or what it started outlives it. One refuses to start anyway.
    let launcher = "case $* in *survivors* | *0xxx*) exec REAL \"$@\" ;; esac; REAL \"$@\"; exit 3";
    nothing_is_proven(&person, launcher);
}

fn a_word_beside_the_reports() {
    let person = Person::new(false);
    nothing_is_proven(&person, "echo hello; exec REAL \"$@\"");
}

fn nothing_is_proven(person: &Person, body: &str) {
    let launcher = person.script(body);
    let ran = run(
        &mut person.companion(&launcher, &["--json", "--network", "none"]),
        SOON,
    );
    untried(&ran, "not every guard could be tried");
    // To refuse where somebody meddled is as it should be, whatever else is said.
    let proven: Vec<_> = rows(&ran)
        .into_iter()
        .filter(|(guard, (verdict, _))| verdict == "proven" && *guard != Guard::SourcesPinned)
        .collect();
    assert!(proven.is_empty(), "{proven:?}{ran}");
}

fn a_hang() {
    let person = Person::new(false);
    let hanging = person.script("exec sleep 60");
    let ran = run(
        &mut person.companion(&hanging, &["--network", "none", "--patience", "1"]),
        SOON,
    );
    untried(&ran, "did not end within 1 s");
    assert_eq!(person.bait(), None);
    assert_eq!(person.processes(), Vec::<String>::new());
}

fn a_home_that_cannot_be_written() {
    let person = Person::new(false);
    let home = person.caller.home();
    fs::set_permissions(&home, PermissionsExt::from_mode(0o500)).expect("chmod");
    let ran = person.verify(&["--network", "none"]);
    untried(&ran, "cannot plant bait");
    fs::set_permissions(&home, PermissionsExt::from_mode(0o755)).expect("chmod");
}

/// It ends by the signal, and takes everything with it, the sandbox too.
fn signals() {
    let hang = |person: &Person| person.script("exec sleep 60");
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let person = Person::new(false);
        let ended = interrupted(&person, &hang(&person), signal, Duration::from_millis(100));
        assert_eq!(ended, Some(status), "{signal:?}");
    }
    // At any moment of real attacks; the last may come too late.
    for delay in (0..8).map(|number| Duration::from_millis(60 * number)) {
        let person = Person::new(false);
        let ended = interrupted(&person, &claudebox_bin(), Signal::INT, delay);
        assert!(
            [Some(130), Some(0)].contains(&ended),
            "after {delay:?}: {ended:?}"
        );
    }
}

/// How the companion ends when a signal comes that long after it began to plant. Nothing is left then.
fn interrupted(person: &Person, launcher: &Path, signal: Signal, after: Duration) -> Option<i32> {
    let before = person.belongings();
    let mut command = person.companion(launcher, &["--network", "none"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the companion starts");
    until("bait", SOON, || person.bait());
    sleep(after);
    // It was not waited for, so the PID is its own.
    kill_process(Pid::from_child(&child), signal).expect("it is a child");
    let ended = until("its end", SOON, || child.try_wait().expect("waiting"));
    assert_eq!(person.bait(), None);
    assert_eq!(person.belongings(), before);
    until(
        "the end of all that it started",
        Duration::from_secs(2),
        || person.processes().is_empty().then_some(()),
    );
    ended.code()
}
