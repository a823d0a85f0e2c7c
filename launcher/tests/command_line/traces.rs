//! A session in which nothing was done leaves nothing: no file in project or home, no process (FS-F, RUN-04).

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::{Boxer, tree_without_state, until};

/// Whether a process anywhere has `marker` among its arguments.
fn alive(marker: &str) -> bool {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines.into_iter().any(|line| {
        line.split(|byte| *byte == 0)
            .any(|word| word == marker.as_bytes())
    })
}

/// A number of seconds to sleep that no other process sleeps, and that shows whose it is.
fn marker(boxer: &Boxer) -> String {
    let name = boxer
        .folder()
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let digits: String = name
        .bytes()
        .map(|byte| char::from(b'0' + byte % 10))
        .collect();
    format!(
        "7{:0>9}.{}",
        digits.get(digits.len() - 6..).expect("a long name"),
        std::process::id()
    )
}

/// A session that does nothing for long, with children of its own; returns when all of them run.
fn idle(boxer: &Boxer, marker: &str) -> Child {
    let script = format!("sleep {marker} & setsid sleep {marker} & echo ready; wait");
    let mut command: Command = boxer.claudebox(["exec", "-y", "--", "sh", "-c", &script]);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("it starts");
    until("the session to sleep", || alive(marker));
    child
}

#[test]
fn after_a_signal_nothing_is_left() {
    for signal in [
        Signal::SIGTERM,
        Signal::SIGKILL,
        Signal::SIGHUP,
        Signal::SIGINT,
    ] {
        let boxer = Boxer::new();
        boxer.git(&boxer.project(), &["init", "-q"]);
        boxer.write("src/app/file", "content\n");
        let marker = marker(&boxer);
        let before = tree_without_state(&boxer.folder());
        let mut child = idle(&boxer, &marker);
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a PID fits"));
        let began = Instant::now();
        kill(pid, signal).expect("it is our child");
        until("the end of the launcher", || {
            child.try_wait().expect("waiting").is_some()
        });
        until("the end of all inside", || !alive(&marker));
        let took = began.elapsed();
        assert!(
            took < Duration::from_secs(2),
            "{signal}: everything was gone only after {took:?}"
        );
        assert!(
            tree_without_state(&boxer.folder()) == before,
            "{signal} left something"
        );
    }
}

#[test]
fn after_an_exit_or_a_failure_nothing_is_left() {
    let boxer = Boxer::new();
    boxer.git(&boxer.project(), &["init", "-q"]);
    boxer.write("src/app/file", "content\n");
    let before = tree_without_state(&boxer.folder());
    let marker = marker(&boxer);
    let lines: [(&[&str], i32); 6] = [
        (&["exec", "-y", "--", "true"], 0),
        (&["exec", "-y", "--", "sh", "-c", "exit 7"], 7),
        (&["exec", "-y", "--", "nosuch"], 127),
        (&["run", "-y"], 127),
        (&["exec", "-y", "--mount", "/nosuch", "--", "true"], 125),
        (
            &[
                "exec",
                "-y",
                "--",
                "sh",
                "-c",
                &format!("sleep {marker} & setsid sleep {marker} & exit 0"),
            ],
            0,
        ),
    ];
    for (line, status) in lines {
        boxer.run(line).code(status);
        assert!(
            tree_without_state(&boxer.folder()) == before,
            "{line:?} left something"
        );
    }
    until("the end of what a command left behind", || !alive(&marker));
    // The twin: what is done does stay.
    boxer.inside(&[], "echo changed > file");
    assert!(tree_without_state(&boxer.folder()) != before);
}

#[test]
fn the_private_places_are_gone_at_the_end() {
    let boxer = Boxer::new();
    boxer.inside(
        &[],
        "touch ~/a /tmp/claudebox-test-b /var/tmp/claudebox-test-b $XDG_RUNTIME_DIR/c; ls ~/a",
    );
    let shown = boxer.inside(&[], "ls -A ~ /tmp /var/tmp $XDG_RUNTIME_DIR");
    assert!(
        !shown.contains("claudebox-test") && !shown.lines().any(|line| line == "a" || line == "c"),
        "{shown}"
    );
    assert!(!std::path::Path::new("/tmp/claudebox-test-b").exists());
}
