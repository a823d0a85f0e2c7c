//! What the walls cost a build inside (PERF-04): the same work in claudebox and in bare bwrap with the very same mounts, in
//! alternation. What differs is PID 1, the system call filter, Landlock and limits.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench is effects, and prints its result"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use benches::bare::{Bare, boxed};
use benches::clock::{alternate, millis, ratio};

/// Runs of each.
const RUNS: usize = 9;

/// Work that is mostly system calls: files opened and read, processes started.
const WORK: [(&str, &str, &str); 3] = [
    (
        "git",
        "git status, 200 times over 1000 files",
        "i=0; while [ $i -lt 200 ]; do git status >/dev/null || exit 1; i=$((i + 1)); done",
    ),
    (
        "cc",
        "cc, 40 small files",
        "for file in files/*0.c; do cc -O1 -c -o /tmp/object $file || exit 1; done",
    ),
    (
        "sh",
        "a shell, 1000 processes",
        "i=0; while [ $i -lt 1000 ]; do /bin/true || exit 1; i=$((i + 1)); done",
    ),
];

fn main() {
    benches::caller::run(measure);
}

fn measure(claudebox: &Path) {
    fs::create_dir("files").expect("making a folder");
    for number in 0..1000 {
        let source =
            format!("#include <stdio.h>\nint f{number}(void) {{ return puts(\"{number}\"); }}\n");
        // One in 25 is compiled.
        let name = if number % 25 == 0 {
            format!("files/{number}_0.c")
        } else {
            format!("files/{number}_.c")
        };
        fs::write(name, source).expect("making a file");
    }
    let git = |arguments: &[&str]| Command::new("git").args(arguments).output();
    let has_git = git(&["init", "-q"]).is_ok_and(|made| made.status.success());
    println!("\nwork inside, median of {RUNS} in alternation:");
    for (program, what, script) in WORK {
        let there = Command::new(program).arg("--version").output().is_ok();
        if !there || (program == "git" && !has_git) {
            println!("  {what}: no {program} here");
            continue;
        }
        let line = ["/bin/sh", "-c", script];
        let bare = Bare::of(claudebox, &line);
        let (ours, theirs) = (
            || boxed(claudebox, &line),
            || {
                let mut command = bare.command();
                command.env("PATH", "/usr/bin:/bin");
                command
            },
        );
        let medians = alternate(RUNS, &[("claudebox", &ours), ("bare bwrap", &theirs)]);
        println!(
            "PERF-04  {what}: claudebox {:.0} ms, bare bwrap {:.0} ms, ratio {:.3}   (aim: at most 1.05)",
            millis(medians[0]),
            millis(medians[1]),
            ratio(medians[0], medians[1])
        );
    }
}
