//! `instances`, `reset` and `gc`: what is listed, what is removed, and what is left alone (INST-03, INST-04).

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Stdio;
use std::thread;

use crate::common::{Boxer, refused, stdout, tree, until};
use crate::instances::{instance, that_waits};

#[test]
fn instances_lists_them_and_reset_removes_this_one() {
    let boxer = Boxer::new();
    assert_eq!(
        stdout(&boxer.run(["instances"]).success()),
        "there is no instance\n"
    );
    boxer.inside(&[], "echo said > ~/.claude/history.jsonl");
    let list = |json: &str| -> serde_json::Value { serde_json::from_str(json).expect("JSON") };
    let listed = list(&stdout(&boxer.run(["instances", "--json"]).success()));
    assert_eq!(listed["version"], 1);
    let one = &listed["instances"][0];
    assert_eq!(one["root"], boxer.project().display().to_string());
    assert_eq!(one["live"], false);
    assert!(
        one["bytes"].as_u64() > Some(0) && one["last_used"].as_i64() > Some(1_700_000_000),
        "{one}"
    );
    let text = stdout(&boxer.run(["instances"]).success());
    assert!(
        text.contains(&boxer.project().display().to_string()) && text.contains("just now"),
        "{text}"
    );

    let kept = instance(&boxer, &boxer.project());
    refused(boxer.run(["reset"]), "there is no terminal to ask on");
    assert!(kept.is_dir());
    let mut session = that_waits(&boxer);
    let listed = list(&stdout(&boxer.run(["instances", "--json"]).success()));
    assert_eq!(listed["instances"][0]["live"], true);
    refused(boxer.run(["reset", "-y"]), "a session of this project runs");
    drop(session.stdin.take());
    assert!(session.wait().expect("waiting").success());
    boxer.run(["reset", "--yes"]).success();
    assert!(!kept.exists());
    boxer.run(["reset", "-y"]).success();
    assert_eq!(
        fs::read_dir(kept.parent().expect("projects"))
            .expect("listing")
            .count(),
        0
    );
}

#[test]
fn gc_removes_what_has_no_root_and_nothing_else() {
    let boxer = Boxer::new();
    let outside = boxer.make("outside");
    boxer.write("outside/file", "as it was\n");
    let (gone, live, there) = (
        boxer.make("src/gone"),
        boxer.make("src/live"),
        boxer.project(),
    );
    let start = |folder: &Path, script: &str| {
        let mut command = boxer.claudebox(["exec", "-y", "--", "sh", "-ec", script]);
        command.current_dir(folder).stderr(Stdio::null());
        command
    };
    // What a session may leave: links out, folders without rights, folders deeper than any path is long.
    let deep = r#"cd ~/.claude; perl -e 'for (1..1500) { mkdir "ddddd"; chdir "ddddd" or die } open F, ">end" or die'"#;
    let leave = format!(
        "ln -s {0} ~/.claude/out; ln -s {0}/file ~/.claude/todos; mkdir -p ~/.claude/x/y; touch ~/.claude/x/y/z; chmod 0 ~/.claude/x/y ~/.claude/x; {deep}",
        outside.display()
    );
    crate::common::end(start(&gone, &leave)).success();
    crate::common::end(start(&there, "true")).success();
    let mut command = start(&live, "touch ready; cat");
    let mut session = command.stdin(Stdio::piped()).spawn().expect("it starts");
    until("the session to run", || live.join("ready").exists());
    fs::remove_dir_all(&gone).expect("the project goes");
    let moved = boxer.home().join("src/moved");
    fs::rename(&live, &moved).expect("the project moves");
    let [gone, live, there] = [gone, live, there].map(|root| instance(&boxer, &root));
    let odd = gone.with_file_name("0123456789abcdef");
    fs::create_dir(&odd).expect("a folder without a root");
    fs::set_permissions(&odd, Permissions::from_mode(0o700)).expect("chmod");
    let link = gone.with_file_name("fedcba9876543210");
    symlink(&outside, &link).expect("a link");
    if crate::common::is_root() {
        std::os::unix::fs::lchown(&odd, Some(boxer.uid()), Some(boxer.uid())).expect("chown");
    }

    let dry = stdout(&boxer.run(["gc", "--dry-run"]).success());
    assert!(
        dry.contains("src/gone") && dry.contains("root is gone") && gone.is_dir(),
        "{dry}"
    );
    let before = tree(&outside);
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&boxer.run(["gc", "--json"]).success())).expect("JSON");
    let verdict = |folder: &Path| {
        let all = json["instances"].as_array().expect("a list");
        let one = all
            .iter()
            .find(|one| one["folder"] == folder.display().to_string());
        one.map(|one| one["gc"]["verdict"].as_str().expect("a verdict").to_owned())
    };
    assert_eq!(verdict(&gone).as_deref(), Some("removed"), "{json}");
    assert_eq!(verdict(&live).as_deref(), Some("left"), "{json}");
    assert_eq!(verdict(&there).as_deref(), Some("kept"), "{json}");
    assert_eq!(verdict(&odd).as_deref(), Some("left"), "{json}");
    assert_eq!(verdict(&link).as_deref(), Some("left"), "{json}");
    assert!(!gone.exists() && live.is_dir() && there.is_dir() && odd.is_dir() && link.is_symlink());
    assert!(tree(&outside) == before);
    drop(session.stdin.take());
    assert!(session.wait().expect("waiting").success());
    let said = stdout(&boxer.run(["gc"]).success());
    assert!(said.contains("removed") && !live.exists(), "{said}");
}

#[test]
fn gc_beside_launches_takes_nothing_from_them() {
    let boxer = Boxer::new();
    let stop = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        let collector = scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                boxer.run(["gc"]).success();
            }
        });
        for number in 0..12 {
            let script = format!("echo {number} >> ~/.claude/log; wc -l < ~/.claude/log");
            assert_eq!(
                boxer.inside(&["--network", "none"], &script).trim(),
                (number + 1).to_string()
            );
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        collector.join().expect("no panic");
    });
}
