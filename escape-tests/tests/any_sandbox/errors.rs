//! META-01: what did not run, or cannot be believed, has held nothing.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tempfile::TempDir;

use super::{measure, refused};

/// Nothing starts: nothing is measured.
#[test]
fn what_starts_nothing_is_not_measured() {
    let control = "the control attempt: CMD started nothing that reports";
    for (command, why) in [
        ("false", "exit status: 1"),
        ("true", "0 lines were reported"),
        ("sh -c 'exit 127'", "exit status: 127"),
        ("sh -c 'echo ok'", "not a report"),
        ("sh -c 'sleep 60'", "it did not end within 1s"),
        // A program that never stops talking.
        ("yes", "it did not end within 1s"),
        // It starts, and does not see the program.
        ("bwrap --tmpfs / --ro-bind /usr /usr --", "exit status: 1"),
    ] {
        let said = refused(&["--limit", "1", "--sandbox", command]);
        for words in [control, why, "\nhint: CMD must start"] {
            assert!(said.contains(words), "{command}: no {words:?} in {said}");
        }
    }
    // A report that is right, and an end that is not.
    let said = refused(&["--sandbox", "sh -c '\"$@\"; exit 3' sh"]);
    assert!(said.contains("exit status: 3"), "{said}");
    // Right, and once more.
    let said = refused(&["--sandbox", "sh -c '\"$@\"; echo more' sh"]);
    assert!(said.contains("2 lines were reported"), "{said}");
}

/// A sandbox that starts the control attempt, and then does something else.
#[test]
fn a_sandbox_that_fails_later_has_held_nothing() {
    let folder = TempDir::new().expect("making a folder");
    let script = |name: &str, then: &str| -> String {
        let path: PathBuf = folder.path().join(name);
        let text = format!("#!/bin/sh\n[ \"$3\" = what-is-there ] && exec \"$@\"\n{then}\n");
        fs::write(&path, text).expect("writing a script");
        fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("opening it");
        path.display().to_string()
    };
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("opening it");
    let another = r#"echo '{"probe":"hostname","seen":{"it":"absent"}}'"#;
    let nothing = r#"echo '{"probe":"home_secrets","seen":{}}'"#;
    for (name, then, why) in [
        ("silent", "exit 0", "0 lines were reported, not one"),
        (
            "missing",
            "exit 127",
            "the trial ended with exit status: 127",
        ),
        ("hanging", "exec sleep 60", "it did not end within 2s"),
        (
            "killed",
            "kill -9 $$",
            "the trial ended with signal: 9 (SIGKILL)",
        ),
        ("another", another, "the report is of hostname"),
        ("nothing", nothing, "no act was reported"),
        (
            "untidy",
            "\"$@\"; exit 1",
            "the trial ended with exit status: 1",
        ),
        (
            "twice",
            "\"$@\" <&0; echo",
            "2 lines were reported, not one",
        ),
    ] {
        let measured = measure(
            &script(name, then),
            &["--limit", "2", "home_secrets", "twin_modes"],
        );
        // A twin is no better off.
        for probe in ["home_secrets", "twin_modes"] {
            let (verdict, detail) = &measured.probes[probe];
            let wanted = match (name, probe) {
                ("another", "twin_modes") => ("error", "the report is of hostname"),
                ("nothing", "twin_modes") => ("error", "the report is of home_secrets"),
                _ => ("error", why),
            };
            assert_eq!(
                (verdict.as_str(), detail.as_str()),
                wanted,
                "{name}:{}",
                measured.ran
            );
        }
        assert_eq!(measured.status(), Some(2), "{name}:{}", measured.ran);
    }
    // Damage counts without a report.
    let harm = script("harm", "\"$@\" >/dev/null");
    let measured = measure(&harm, &["home_planted"]);
    assert_eq!(
        measured.verdict("home_planted"),
        "ESCAPED",
        "{}",
        measured.ran
    );
    assert_eq!(measured.status(), Some(1), "{}", measured.ran);
    // What it says cannot steer a terminal.
    let evil = script("evil", "printf '\\033]0;x\\007\\n' >&2; exit 1");
    let measured = measure(&evil, &["home_secrets"]);
    assert!(!measured.ran.stdout.contains("\\u001b"), "{}", measured.ran);
    let said = measured.json["probes"][0]["said"].as_str().expect("text");
    assert!(said.contains("stderr: \\x1b]0;x\\x07"), "{said}");
}

/// On a host where attacks of uid 0 would be attacks on the host.
#[test]
fn root_without_a_sandbox_is_refused() {
    if !escape_tests::is_root() {
        let said = refused(&["--as-root", "--sandbox", "env"]);
        assert!(
            said.contains("--as-root: this is not run by root\nhint: "),
            "{said}"
        );
        return;
    }
    for command in ["env", "bwrap --bind / / --"] {
        let said = refused(&["--as-root", "--sandbox", command]);
        let words = [
            "privileged on this very host",
            "\nhint: start CMD as an ordinary user",
        ];
        assert!(words.iter().all(|words| said.contains(words)), "{said}");
    }
    let own = "bwrap --bind / / --dev /dev --unshare-user --cap-drop ALL --";
    let measured = measure(own, &["--as-root", "home_secrets", "signal_by_number"]);
    assert_eq!(
        measured.verdict("home_secrets"),
        "ESCAPED",
        "{}",
        measured.ran
    );
    assert_eq!(measured.json["uid"], 0);
    // It is not made by uid 0.
    assert_eq!(
        measured.verdict("signal_by_number"),
        "not tried",
        "{}",
        measured.ran
    );
}
