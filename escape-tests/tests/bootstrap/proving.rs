//! The build, the proof and the tests, once everything is installed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::machine::Machine;
use crate::{BUILD, PROOF, joined};

#[test]
fn the_proof_leaves_nothing_behind() {
    let machine = Machine::complete();
    let before = machine.listing();
    machine
        .bootstrap(&["run"])
        .did(&joined(&[&[BUILD], &PROOF]));
    assert_eq!(machine.listing(), before);
}

#[test]
fn a_failed_build_ends_it() {
    let machine = Machine::complete();
    machine.noted("bin/cargo", "exit 101");
    machine
        .bootstrap(&["run"])
        .refused(&[BUILD], &["the build failed"]);
}

#[test]
fn the_proof_believes_only_what_it_sees() {
    let cases: &[(&str, usize, &str)] = &[
        (
            "check) echo no user namespaces; exit 1 ;;",
            1,
            "the sandbox cannot run here",
        ),
        // A launcher that does nothing and is content with that.
        (
            "*) exit 0 ;;",
            2,
            "`id` in the sandbox ended with 0 and printed ``",
        ),
        (
            "exec) echo why >&2; exit 125 ;;",
            2,
            "why\nbootstrap: `id` in the sandbox ended with 125",
        ),
        (
            "exec) echo uid=6001 ;; run) exit 0 ;;",
            3,
            "--version` ended with 0 and printed ``",
        ),
        (
            "exec) echo uid=6001 ;; run) echo 2.1.197 ;; verify) echo 'AGuard  BROKEN'; exit 1 ;;",
            4,
            "`claudebox verify` ended with 1",
        ),
        // One that says nothing, and is content with that.
        (
            "exec) echo uid=6001 ;; run) echo 2.1.197 ;; verify) exit 0 ;;",
            4,
            "`claudebox verify` ended with 0",
        ),
        (
            "exec) echo uid=6001 ;; run) echo why >&2; exit 3 ;;",
            3,
            "why\nbootstrap: `claudebox run -y -- --version` ended with 3",
        ),
    ];
    for (answers, steps, words) in cases {
        let machine = Machine::complete();
        machine.claudebox(answers);
        let run = machine.bootstrap(&["run"]);
        run.refused(&joined(&[&[BUILD], &PROOF[..*steps]]), &[words]);
    }
}

#[test]
fn the_settings_of_the_person_stay_out_of_the_proof() {
    let mut machine = Machine::complete().with_an_ordinary_user();
    machine.environment = vec![
        ("CLAUDEBOX_HOME", "/settings"),
        ("CLAUDEBOX_PROFILE", "mine"),
        ("CLAUDEBOX_NETWORK", "inet"),
        ("CLAUDEBOX_EXTRA_ENV", "TOKEN"),
    ];
    machine.claudebox(
        "exec) echo \"uid=1000 home=$CLAUDEBOX_HOME $CLAUDEBOX_PROFILE$CLAUDEBOX_NETWORK$CLAUDEBOX_EXTRA_ENV.\" ;; \
         run) echo 2.1.197 ;;",
    );
    let run = machine.bootstrap(&["run"]);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    assert!(run.out.contains("/claudebox ."), "{}", run.out);
    assert!(!run.out.contains("/settings"), "{}", run.out);
}

#[test]
fn a_machine_without_claude_code_is_told_how_to_get_it() {
    let machine = Machine::complete().with_an_ordinary_user();
    machine.claudebox("exec) echo uid=1000 ;; run) exit 127 ;;");
    let run = machine.bootstrap(&["run"]);
    run.did(&joined(&[&[BUILD], &PROOF]));
    assert!(run.out.contains("not installed yet"), "{}", run.out);
    assert!(
        run.out.contains("npm install -g @anthropic-ai/claude-code"),
        "{}",
        run.out
    );
}

#[test]
fn a_claude_code_in_the_home_folder_of_root_is_tried_as_root() {
    let machine = Machine::complete();
    machine.claudebox("exec) echo uid=6001 ;; run) case $* in *--allow-root*) echo 2.1.197 ;; *) exit 127 ;; esac ;;");
    let run = machine.bootstrap(&["run"]);
    run.did(&joined(&[
        &[BUILD],
        &PROOF[..3],
        &["claudebox run -y --allow-root -- --version"],
        &PROOF[3..],
    ]));
    assert!(
        run.out.contains("as root, with --allow-root"),
        "{}",
        run.out
    );
}

#[test]
fn test_brings_the_lab_and_ends_with_the_tests() {
    let machine = Machine::complete();
    let labs = ["claude-code/install", "helpers/install", "nix/setup"];
    for lab in labs {
        machine.file(&format!("checkout/escape-tests/lab/{lab}"), "");
        machine.noted(&format!("checkout/escape-tests/lab/{lab}"), "exit 0");
    }
    machine.file("root/dev/net/tun", "");
    let mode = |mode| fs::Permissions::from_mode(mode);
    fs::set_permissions(machine.path("root/dev/net/tun"), mode(0o600)).expect("a mode");
    fs::remove_file(machine.path("bin/ps")).expect("ps goes");

    let run = machine.bootstrap(&["test", "--yes"]);
    run.did(&joined(&[
        &[
            "apt-get update",
            "apt-get install -y --no-install-recommends procps",
            BUILD,
        ],
        &PROOF,
        &[
            "install ",
            "install ",
            "setup ",
            "cargo test --workspace --locked --no-fail-fast",
        ],
    ]));
    let tun = fs::metadata(machine.path("root/dev/net/tun")).expect("tun is there");
    assert_eq!(tun.permissions().mode() & 0o777, 0o666);
    assert!(run.out.contains("is open to root alone"), "{}", run.out);

    // An ordinary user has no Nix lab, and is told.
    let machine = machine.with_an_ordinary_user();
    let run = machine.bootstrap(&["test", "--yes"]);
    run.did(&joined(&[
        &[BUILD],
        &PROOF,
        &[
            "install ",
            "install ",
            "cargo test --workspace --locked --no-fail-fast",
        ],
    ]));
    assert!(run.out.contains("no Nix lab"), "{}", run.out);
}

#[test]
fn failed_tests_are_its_failure() {
    let machine = Machine::complete();
    machine.also("bin/cargo", "[ \"$1\" = build ]");
    let run = machine.bootstrap(&["test"]);
    run.refused(
        &joined(&[
            &[BUILD],
            &PROOF,
            &["cargo test --workspace --locked --no-fail-fast"],
        ]),
        &["tests failed"],
    );
}
