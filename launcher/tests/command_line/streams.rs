//! stdout carries the command's bytes alone; everything of claudebox goes to stderr, plain where nobody reads it on a
//! terminal (RUN-05, AUD-C, AUD-E).

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::pty::openpty;

use crate::common::{Boxer, SOON, refused, stderr, stdout, until};

const ALL_BYTES: &str =
    "i=0; while [ $i -lt 256 ]; do printf \"\\\\$(printf %03o $i)\"; i=$((i+1)); done";

fn all_bytes() -> Vec<u8> {
    (0..=255).collect()
}

#[test]
fn stdout_is_the_command_s_byte_for_byte() {
    let boxer = Boxer::new();
    let ran = boxer
        .shell(&format!("{ALL_BYTES}; echo error >&2"))
        .success();
    assert_eq!(ran.get_output().stdout, all_bytes(), "a pipe");
    assert!(
        stderr(&ran).ends_with("error\n") && stderr(&ran).starts_with("claudebox"),
        "{ran}"
    );

    // A regular file is relayed.
    let (out, err) = (boxer.write("out", ""), boxer.write("err", ""));
    let mut command = boxer.claudebox([
        "exec",
        "-y",
        "--",
        "sh",
        "-c",
        &format!("{ALL_BYTES}; echo error >&2"),
    ]);
    let create = |path| File::create(path).expect("creating a file of the test's");
    let status = command
        .stdout(create(&out))
        .stderr(create(&err))
        .status()
        .expect("it starts");
    assert!(status.success());
    assert_eq!(std::fs::read(&out).expect("reading"), all_bytes(), "a file");
    assert!(
        std::fs::read_to_string(&err)
            .expect("reading")
            .ends_with("error\n")
    );
}

#[test]
fn one_file_for_both_streams_keeps_the_order_of_each() {
    let boxer = Boxer::new();
    let both = boxer.write("both", "");
    let open = || File::options().append(true).open(&both).expect("opening");
    let mut command = boxer.claudebox([
        "exec",
        "-y",
        "--",
        "sh",
        "-c",
        "echo one; echo two; echo three",
    ]);
    assert!(
        command
            .stdout(open())
            .stderr(open())
            .status()
            .expect("it starts")
            .success()
    );
    let text = std::fs::read_to_string(&both).expect("reading");
    assert!(text.ends_with("one\ntwo\nthree\n"), "{text}");
}

#[test]
fn stdin_reaches_the_command_byte_for_byte() {
    let boxer = Boxer::new();
    let input = [all_bytes(), vec![b'x'; 1_000_000]].concat();
    let file = boxer.write("input", &input);
    let mut command = assert_cmd::Command::from_std(boxer.claudebox(["exec", "-y", "--", "cat"]));
    let ran = command
        .timeout(SOON)
        .write_stdin(input.clone())
        .assert()
        .success();
    assert!(ran.get_output().stdout == input, "a pipe");
    // assert_cmd gives a pipe; a file is relayed.
    let mut command = boxer.claudebox(["exec", "-y", "--", "cat"]);
    let output = command
        .stdin(File::open(file).expect("opening"))
        .output()
        .expect("it starts");
    assert!(output.status.success() && output.stdout == input, "a file");
}

#[test]
fn streams_may_be_closed_or_null() {
    let boxer = Boxer::new();
    let binary = crate::common::claudebox_bin().display();
    for streams in [
        "<&-",
        ">&-",
        "2>&-",
        "<&- >&-",
        "<&- >&- 2>&-",
        "2>/dev/null",
        ">/dev/null",
        "</dev/null",
    ] {
        let marker = boxer.project().join("marker");
        let _ = std::fs::remove_file(&marker);
        let script = format!(
            "{binary} exec -y -- sh -c 'echo out; touch marker; exit 7' {streams}; echo \"status $?\" >&3"
        );
        let mut command = boxer.command("sh");
        command.args(["-c", &format!("exec 3>&1; {{ {script}; }} | cat")]);
        let ran = crate::common::end(command).success();
        assert!(stdout(&ran).contains("status 7\n"), "{streams}: {ran}");
        assert!(marker.exists(), "{streams}: the command did not run: {ran}");
        let reaches =
            !streams.contains('>') || streams.contains("2>") && !streams.contains(">&- 2");
        assert_eq!(stdout(&ran).contains("out\n"), reaches, "{streams}: {ran}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_it() {
    let boxer = Boxer::new();
    let binary = crate::common::claudebox_bin().display();
    let mut command = boxer.command("sh");
    command.args([
        "-c",
        &format!("{binary} exec -y -- sh -c 'while :; do echo y; done' 2>/dev/null | head -n 1"),
    ]);
    crate::common::end(command).success().stdout("y\n");
    let mut command = boxer.command("sh");
    command.args([
        "-c",
        &format!("{binary} plan --json --cmd true | head -c 1"),
    ]);
    crate::common::end(command).success().stdout("{");
}

#[test]
fn without_a_terminal_only_yes_starts() {
    let boxer = Boxer::new();
    boxer.install_claude("touch started");
    for line in ["run", "shell", "exec -- touch started", ""] {
        let ran = boxer.run(line.split(' ').filter(|word| !word.is_empty()));
        let said = refused(ran, "no terminal");
        assert!(said.contains("--yes"), "{said}");
        assert!(
            !boxer.project().join("started").exists(),
            "`claudebox {line}` started it"
        );
    }
    boxer.run(["run", "--yes"]).success();
    assert!(boxer.project().join("started").exists());
}

#[test]
fn in_a_pipe_there_is_no_escape_byte() {
    let boxer = Boxer::new();
    boxer.install_claude("echo hi");
    for line in [
        "run -y",
        "plan",
        "plan --explain",
        "plan --json",
        "check",
        "--help",
        "run --help",
        "run --nosuch",
        "exec -y -- nosuch",
    ] {
        let mut command = boxer.claudebox(line.split(' '));
        command
            .env("TERM", "xterm-256color")
            .env("COLORTERM", "truecolor");
        let ran = crate::common::end(command);
        let all = [
            ran.get_output().stdout.clone(),
            ran.get_output().stderr.clone(),
        ]
        .concat();
        assert!(
            !all.is_empty() && !all.contains(&0x1b),
            "`claudebox {line}`: {ran}"
        );
    }
}

/// What shows on a terminal where the answer is `answer`, and the exit status.
fn on_a_terminal(mut command: Command, answer: &str) -> (String, i32) {
    let pair = openpty(None, None).expect("a pseudo-terminal");
    let end = |end: &OwnedFd| Stdio::from(end.try_clone().expect("duplicating"));
    command
        .stdin(end(&pair.slave))
        .stdout(end(&pair.slave))
        .stderr(end(&pair.slave));
    let mut child = command.spawn().expect("it starts");
    drop((command, pair.slave));
    let mut terminal = File::from(pair.master);
    let mut reader = terminal.try_clone().expect("duplicating");
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        // EIO is the end: nobody holds the other side.
        while let Ok(length @ 1..) = reader.read(&mut buffer) {
            if sender.send(buffer[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut shown = Vec::new();
    let limit = Instant::now() + SOON;
    let mut answered = false;
    let left = || limit.saturating_duration_since(Instant::now());
    while let Ok(part) = receiver.recv_timeout(left()) {
        shown.extend(part);
        if !answered && String::from_utf8_lossy(&shown).contains("[Y/n]") {
            terminal.write_all(answer.as_bytes()).expect("typing");
            answered = true;
        }
    }
    let mut status = None;
    until("the end of a launcher on a terminal", || {
        status = child.try_wait().expect("waiting");
        status.is_some()
    });
    let code = status.and_then(|status| status.code()).expect("it exits");
    (String::from_utf8_lossy(&shown).into_owned(), code)
}

#[test]
fn on_a_terminal_it_asks_and_the_answer_counts() {
    let boxer = Boxer::new();
    for (answer, status) in [
        ("n\n", 125),
        ("NO\n", 125),
        ("\x04", 125),
        ("what\nn\n", 125),
        ("\n", 7),
        ("y\n", 7),
        ("Yes\n", 7),
    ] {
        let (shown, code) = on_a_terminal(
            boxer.claudebox(["exec", "--", "sh", "-c", "echo it-r''an; exit 7"]),
            answer,
        );
        assert_eq!(code, status, "{answer:?}: {shown}");
        assert_eq!(
            shown.contains("it-ran\r\n"),
            status == 7,
            "{answer:?}: {shown}"
        );
    }
}

#[test]
fn no_color_is_honoured_on_a_terminal() {
    let boxer = Boxer::new();
    let shown = |no_color: bool| {
        let mut command = boxer.claudebox(["exec", "-y", "--", "true"]);
        command.env("TERM", "xterm-256color");
        if no_color {
            command.env("NO_COLOR", "1");
        }
        on_a_terminal(command, "").0
    };
    assert!(
        shown(false).contains('\x1b'),
        "on a terminal there is colour, or this test shows nothing"
    );
    let plain = shown(true);
    assert!(
        plain.contains("Environment") && !plain.contains('\x1b'),
        "{plain}"
    );
    // AUD: 80 columns on a terminal.
    let long: Vec<&str> = plain
        .lines()
        .filter(|line| line.trim_end().chars().count() > 80)
        .collect();
    assert!(long.is_empty(), "longer than 80 columns: {long:#?}");
}

/// RES-09: what a command writes without end passes through, and is kept nowhere.
#[test]
fn a_flood_takes_no_memory() {
    const FLOOD: u64 = 256 << 20;
    let boxer = Boxer::new();
    let path = boxer.folder().join("flood");
    let script = format!("head -c {FLOOD} /dev/zero");
    let mut child = boxer
        .claudebox(["exec", "-y", "--", "sh", "-c", &script])
        // A file is relayed: all of it goes through the launcher.
        .stdout(File::create(&path).expect("a file"))
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut most = 0;
    until("the flood to end", || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
        let peak = status.ok().and_then(|status| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("VmHWM:"))?;
            line.trim().trim_end_matches(" kB").parse::<u64>().ok()
        });
        most = most.max(peak.unwrap_or(0));
        child.try_wait().expect("waiting for a child").is_some()
    });
    assert!(child.wait().expect("it ended").success());
    assert_eq!(std::fs::metadata(&path).expect("the file").len(), FLOOD);
    assert!(most > 0, "its memory was never looked at");
    assert!(most < 32 << 10, "it took {most} KiB");
}
