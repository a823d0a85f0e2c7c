//! Names, arguments and variables of any bytes and any length (threats: ENV-08, CFG-08, CFG-14).

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::common::{Boxer, CANARY, end, stderr, stdout};
use crate::{EXEC, refused_at_once};

#[test]
fn a_name_of_any_bytes_is_a_project_and_one_line_of_the_audit() {
    let boxer = Boxer::new();
    let names: [&[u8]; 9] = [
        b"a\nb",
        b"esc\x1b[2J\x1b]0;x\x07",
        "bidi\u{202e}x\u{200b}".as_bytes(),
        b"\xff\xfe",
        b"quote'\"`$(touch x)",
        b"back\\slash\\n",
        b"--flag",
        b" space ",
        b"*?[x]",
    ];
    for name in names {
        let folder = boxer.make(Path::new("src").join(OsStr::from_bytes(name)));
        boxer.git(&folder, &["init", "-q"]);
        let mut command = boxer.claudebox([
            "exec",
            "-y",
            "--",
            "sh",
            "-ec",
            "pwd -P; git status --short; echo made > made",
        ]);
        command.current_dir(&folder);
        let ran = end(command).success();
        assert_eq!(
            ran.get_output().stdout,
            [folder.as_os_str().as_bytes(), b"\n"].concat()
        );
        assert_eq!(
            fs::read(folder.join("made")).expect("it was made inside"),
            b"made\n"
        );
        let audit = stderr(&ran);
        let shown = claudebox::text::escape(folder.as_os_str());
        let shown = shown.trim_end();
        assert!(
            audit
                .lines()
                .any(|line| line.starts_with("  project") && line.trim_end().ends_with(shown)),
            "{name:?} is one escaped line:\n{audit}"
        );
        let plain = |c: char| c == '\n' || !(c.is_control() || "\u{202e}\u{200b}".contains(c));
        assert!(audit.chars().all(plain), "{name:?}: {audit:?}");
    }
}

#[test]
fn arguments_arrive_byte_for_byte() {
    let boxer = Boxer::new();
    let mut runner = TestRunner::new(Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    });
    let argument = prop::collection::vec(1u8..=255, 0..40);
    let law = runner.run(&prop::collection::vec(argument, 0..6), |arguments| {
        let line = [
            "exec",
            "-y",
            "--",
            "sh",
            "-c",
            "for a; do printf '%s\\0' \"$a\"; done",
            "sh",
        ]
        .map(OsString::from);
        let typed = arguments.iter().cloned().map(OsString::from_vec);
        let ran = boxer.run(line.into_iter().chain(typed)).success();
        let expected: Vec<u8> = arguments
            .iter()
            .flat_map(|argument| [argument, &b"\0"[..]].concat())
            .collect();
        prop_assert_eq!(&ran.get_output().stdout, &expected);
        prop_assert!(!ran.get_output().stderr.contains(&0x1b));
        Ok(())
    });
    law.unwrap_or_else(|failure| panic!("{failure}"));
    boxer
        .run([
            "exec",
            "-y",
            "--",
            "printf",
            "%s|",
            "--",
            "-y",
            "--network",
            "none",
            "",
        ])
        .success()
        .stdout("--|-y|--network|none||");
}

#[test]
fn any_project_name_works() {
    let boxer = Boxer::new();
    let mut runner = TestRunner::new(Config {
        cases: 16,
        failure_persistence: None,
        ..Config::default()
    });
    let byte = (1u8..=255).prop_filter("a name holds no slash", |byte| *byte != b'/');
    let law = runner.run(&prop::collection::vec(byte, 1..60), |name| {
        prop_assume!(name != b"." && name != b"..");
        let folder = boxer.make(Path::new("src/any").join(OsStr::from_bytes(&name)));
        let mut command = boxer.claudebox(["exec", "-y", "--network", "none", "--", "pwd", "-P"]);
        command.current_dir(&folder);
        let ran = end(command).success();
        prop_assert_eq!(
            &ran.get_output().stdout,
            &[folder.as_os_str().as_bytes(), b"\n"].concat()
        );
        Ok(())
    });
    law.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn a_large_environment_neither_breaks_nor_enters() {
    let boxer = Boxer::new();
    let show = [
        "exec",
        "-y",
        "--env",
        "BIG",
        "--",
        "sh",
        "-c",
        "echo ${#BIG}; env | wc -l",
    ];
    // The longest that execve(2) hands over at all: NAME=VALUE and its NUL are 131072 bytes.
    let longest = "x".repeat(131_072 - "BIG=".len() - 1);
    let mut command = boxer.claudebox(show);
    command.env("BIG", &longest);
    let ran = end(command).success();
    assert!(
        stdout(&ran).starts_with(&format!("{}\n", longest.len())),
        "{}",
        stdout(&ran)
    );
    assert!(
        ran.get_output().stderr.len() < 300_000,
        "the audit stays readable"
    );
    // Many: none was asked for, none enters.
    let mut command = boxer.claudebox(["exec", "-y", "--", "env"]);
    for number in 0..4000 {
        command.env(
            format!("MANY_{number}"),
            format!("{CANARY}{}", "y".repeat(20)),
        );
    }
    let ran = end(command).success();
    assert!(
        !stdout(&ran).contains("MANY_") && !stderr(&ran).contains(CANARY),
        "{}",
        stderr(&ran)
    );
}

#[test]
fn odd_variables_of_the_caller_are_dropped_or_arrive_as_they_are() {
    let boxer = Boxer::new();
    let mut command = boxer.claudebox([
        "exec",
        "-y",
        "--env",
        "NEWLINE",
        "--",
        "sh",
        "-c",
        "printf '%s' \"$NEWLINE\"; env",
    ]);
    command
        .env("NEWLINE", OsStr::from_bytes(b"one\ntwo\xff"))
        .env("BASH_FUNC_f%%", "() { echo evil; }")
        .env("a b", CANARY);
    command.env("LC_X\nY", CANARY);
    let ran = end(command).success();
    assert!(ran.get_output().stdout.starts_with(b"one\ntwo\xff"));
    let all = [
        ran.get_output().stdout.clone(),
        ran.get_output().stderr.clone(),
    ]
    .concat();
    let all = String::from_utf8_lossy(&all).into_owned();
    assert!(!all.contains("BASH_FUNC") && !all.contains("a b="), "{all}");
    assert!(
        !all.contains(CANARY),
        "a name that is none is not passed on: {all}"
    );
}

#[test]
fn a_value_typed_in_place_of_a_name_is_not_shown() {
    let boxer = Boxer::new();
    let flag = format!("--env=TOKEN={CANARY}");
    refused_at_once(
        boxer.claudebox(["exec", "-y", &flag, "--", "true"]),
        "TOKEN=",
    );
    let mut command = boxer.claudebox(EXEC);
    command.env("CLAUDEBOX_EXTRA_ENV", format!("GOOD,TOKEN={CANARY}"));
    refused_at_once(command, "TOKEN=");
}
