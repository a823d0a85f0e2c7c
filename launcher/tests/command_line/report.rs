//! After a session, what it left for the host is told, and only then (EXIT-A): by kind, one item a line, names alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::common::{Boxer, CANARY, refused, stderr, until};

/// What is told at the end of a session of this script, with its lines; empty where nothing is.
fn left(boxer: &Boxer, flags: &[&str], script: &str) -> String {
    let line = ["exec", "-y"].into_iter().chain(flags.iter().copied());
    let ran = boxer.run(line.chain(["--", "sh", "-ec", script])).success();
    told(&stderr(&ran))
}

fn told(stderr: &str) -> String {
    let told = stderr.split_once("\nLeft by the session");
    told.map_or_else(String::new, |(_, told)| told.to_owned())
}

/// The lines that begin with this mark and name this path.
fn line<'a>(told: &'a str, path: &str) -> &'a str {
    let named = |line: &&str| line.split_whitespace().nth(1) == Some(path);
    told.lines()
        .find(named)
        .unwrap_or_else(|| panic!("nobody names {path}:\n{told}"))
        .trim()
}

fn repository() -> Boxer {
    let boxer = Boxer::new();
    boxer.git(&boxer.project(), &["init", "-q", "-b", "main"]);
    boxer.write("src/app/file", "content\n");
    boxer
}

#[test]
fn a_session_that_leaves_nothing_is_silent() {
    let boxer = repository();
    boxer.write("src/app/.claude/settings.json", "{}\n");
    boxer.write("src/app/.git/hooks/post-commit", "true\n");
    boxer.link("/etc/passwd", "src/app/out");
    let work = "echo more >> file; mkdir src; echo code > src/main.rs; ln -s file inner";
    assert_eq!(left(&boxer, &[], work), "");
    let commit = "git add file; git -c user.name=a -c user.email=b commit -qm work";
    assert_eq!(left(&boxer, &[], commit), "");
}

#[test]
fn what_the_host_runs_is_told_with_who_runs_it() {
    let boxer = repository();
    boxer.write("src/app/package.json", "{}\n");
    boxer.write("src/app/.husky/commit", "true\n");
    // What is there is read-only inside; what is not may appear.
    fs::remove_dir_all(boxer.project().join(".git/hooks")).expect("git made it");
    let told = left(
        &boxer,
        &[],
        "mkdir -p .git/hooks .idea deep .Claude/hooks; echo true > .git/hooks/post-commit
         echo '{ }' > package.json; rm .husky/commit; echo all: > deep/Makefile
         echo x > .gitattributes; echo true > .Claude/hooks/check; echo use flake > .envrc",
    );
    for (path, line_of_it) in [
        (".git/hooks/post-commit", "+ .git/hooks/post-commit  git"),
        (
            ".gitattributes",
            "+ .gitattributes          git, for filters",
        ),
        ("package.json", "~ package.json            npm and others"),
        (".husky/commit", "- .husky/commit           git, by husky"),
        ("deep/Makefile", "~ deep/Makefile           make"),
        (
            ".Claude/hooks/check",
            "~ .Claude/hooks/check     Claude Code",
        ),
        (".envrc", "+ .envrc                  direnv"),
    ] {
        assert_eq!(line(&told, path), line_of_it);
    }
}

#[test]
fn a_listed_folder_with_more_names_than_are_remembered_is_told_by_what_changed_in_it() {
    let boxer = repository();
    let folder = boxer.project().join(".husky");
    fs::create_dir(&folder).expect("a new folder");
    for number in 0..600 {
        boxer.write(format!("src/app/.husky/{number}"), "true\n");
    }
    assert_eq!(left(&boxer, &[], "true"), "");
    // A new name moves others within the folder, and out of what a look for the first names would find.
    let told = left(
        &boxer,
        &[],
        "echo x > .husky/new; echo x > .husky/7; rm .husky/8",
    );
    assert_eq!(line(&told, ".husky/new"), "~ .husky/new  git, by husky");
    assert_eq!(line(&told, ".husky/7"), "~ .husky/7    git, by husky");
    assert_eq!(told.matches(".husky").count(), 2, "{told}");
    // Neither does it where it was small before, and where it is small again.
    let grown = boxer.project().join(".githooks");
    fs::create_dir(&grown).expect("a new folder");
    boxer.write("src/app/.githooks/old", "true\n");
    let told = left(
        &boxer,
        &[],
        "rm -r .husky; i=0; while [ $i -lt 600 ]; do : > .githooks/$i; i=$((i + 1)); done",
    );
    assert!(!told.contains("- .") && told.contains("and 5"), "{told}");
}

#[test]
fn links_special_files_and_git_data_are_told_each_by_its_kind() {
    let boxer = repository();
    boxer.git(
        &boxer.project(),
        &["commit", "-q", "--allow-empty", "-m", "one"],
    );
    boxer.git(&boxer.home(), &["init", "-q", "src/other"]);
    boxer.write("linked", "store\n");
    fs::hard_link(boxer.home().join("linked"), boxer.project().join("shared")).expect("a link");
    let told = left(
        &boxer,
        &[],
        "mkdir -p sub vendor/.git bare/objects bare/refs
         ln -s ../../../outside sub/up; ln -s ../hop sub/chain; ln -s /etc/hostname hop; ln -s sub/x in
         mkfifo pipe; echo more >> shared; ln file both
         echo '[core]' > vendor/.git/config; echo ref: x > bare/HEAD; echo '[core]' > bare/config
         echo ../../other/.git/objects > .git/objects/info/alternates
         : > .git/index.lock; cp .git/refs/heads/main .git/refs/heads/release",
    );
    for (path, has) in [
        ("sub/up", "-> ../../../outside"),
        ("sub/chain", "-> ../hop"),
        ("hop", "-> /etc/hostname"),
        ("pipe", "a FIFO"),
        ("shared", "a name elsewhere"),
        ("vendor/.git", "git"),
        ("bare", "git"),
        (".git/index.lock", "git"),
        (".git/refs/heads/release", "made or moved"),
    ] {
        let line = line(&told, path);
        assert!(line.contains(has), "{line}");
    }
    for title in [
        "links that lead out",
        "no files",
        "git folders within",
        "locks of git",
    ] {
        assert!(told.contains(title), "{title}:\n{told}");
    }
    for silent in ["in", "both", "file", ".git/refs/heads/main"] {
        assert!(
            !told
                .lines()
                .any(|line| line.split_whitespace().nth(1) == Some(silent)),
            "{silent}:\n{told}"
        );
    }
}

#[test]
fn objects_from_elsewhere_are_told() {
    let boxer = repository();
    let within = "mkdir -p x/objects; echo ../../x/objects > .git/objects/info/alternates";
    let told = left(&boxer, &[], within);
    assert!(!told.contains("alternates"), "{told}");
    let told = left(
        &boxer,
        &[],
        "echo /srv/objects > .git/objects/info/alternates",
    );
    assert_eq!(
        line(&told, ".git/objects/info/alternates"),
        "~ .git/objects/info/alternates  git takes objects from elsewhere"
    );
}

#[test]
fn a_set_id_bit_on_a_file_of_the_project_is_told() {
    // The session cannot set one; what the host sets meanwhile is there at the end all the same.
    let boxer = repository();
    let program = boxer.script("src/app/tool", "#!/bin/sh\n");
    let mut session = boxer.claudebox([
        "exec",
        "-y",
        "--",
        "sh",
        "-c",
        "touch started; while [ ! -e go ]; do sleep 0.05; done",
    ]);
    session
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped());
    let child = session.spawn().expect("it starts");
    until("the session to begin", || {
        boxer.project().join("started").exists()
    });
    fs::set_permissions(&program, fs::Permissions::from_mode(0o6755)).expect("chmod");
    fs::write(boxer.project().join("go"), "").expect("a file");
    let output = child.wait_with_output().expect("waiting");
    let told = told(&String::from_utf8_lossy(&output.stderr));
    assert!(line(&told, "tool").starts_with("~ tool"), "{told}");
    assert!(told.contains("set-user-ID"), "{told}");
}

#[test]
fn hostile_names_and_trees_are_told_in_one_line_each_and_hang_nothing() {
    let boxer = repository();
    let long = "n".repeat(250);
    let told = left(
        &boxer,
        &[],
        &format!(
            "ln -s /etc \"$(printf 'a\\033[2J\\nb')\"; ln -s /etc \"$(printf 'bad\\377')\"; ln -s /etc {long}
             ln -s loop loop; ln -s . here; mkfifo Makefile; mkdir closed; chmod 000 closed
             perl -e 'mkdir \"deep\"; chdir \"deep\"; for (1..60) {{ mkdir \"{long}\"; chdir \"{long}\" }}'"
        ),
    );
    assert!(line(&told, "a\\x1b[2J\\nb").ends_with("-> /etc"), "{told}");
    assert!(line(&told, "bad\\xff").ends_with("-> /etc"), "{told}");
    assert!(line(&told, &long).ends_with("-> /etc"), "{told}");
    assert!(line(&told, "Makefile").contains("make"), "{told}");
    assert!(
        line(&told, "closed").contains("cannot be looked into"),
        "{told}"
    );
    assert!(
        told.contains("ENAMETOOLONG") || told.contains("too long"),
        "{told}"
    );
    assert!(!told.contains('\u{1b}'), "{told}");
    // Away with it by the one who made it.
    boxer.inside(&[], "chmod 700 closed; rm -r closed deep");
}

#[test]
fn no_content_is_told_and_many_items_are_counted() {
    let boxer = repository();
    let script = format!(
        "i=0; while [ $i -lt 40 ]; do ln -s /x/$i l$i; i=$((i+1)); done; echo TOKEN={CANARY} > .env; mkfifo pipe"
    );
    let told = left(&boxer, &[], &script);
    assert!(!told.contains(CANARY), "{told}");
    assert!(told.contains("and 22 more"), "{told}");
    line(&told, ".env");
    line(&told, "pipe");
    assert!(told.lines().count() <= 26, "{told}");
}

#[test]
fn the_exit_status_is_the_session_s() {
    let boxer = repository();
    for (script, status) in [
        ("mkfifo a; exit 7", 7),
        ("mkfifo b; kill -9 $$", 137),
        ("exit 0", 0),
    ] {
        let report = boxer.home().join("report.json");
        let report = report.to_str().expect("text");
        let ran = boxer.run(["exec", "-y", "--report", report, "--", "sh", "-c", script]);
        let ran = ran.code(status);
        assert_eq!(told(&stderr(&ran)).is_empty(), status == 0);
        let json: Value =
            serde_json::from_slice(&fs::read(report).expect("it was written")).expect("JSON");
        assert_eq!(json["status"], status);
    }
}

#[test]
fn the_report_is_written_as_json_also_where_there_is_nothing_to_say() {
    let boxer = repository();
    let report = boxer.home().join("report.json");
    let flags = ["--report", report.to_str().expect("text")];
    left(&boxer, &flags, "true");
    let read = || -> Value {
        let mode = fs::metadata(&report)
            .expect("it was written")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        serde_json::from_slice(&fs::read(&report).expect("it was written")).expect("JSON")
    };
    let mut empty = read();
    assert!(empty["scan"]["seen"].as_u64() > Some(1), "{empty}");
    empty["scan"]["seen"] = 0.into();
    assert_eq!(
        empty,
        serde_json::json!({
            "version": 1, "project": boxer.project(), "status": 0, "items": [], "limits": [],
            "refused_targets": [], "scan": { "mode": "quick", "seen": 0, "complete": true },
        })
    );
    left(
        &boxer,
        &flags,
        "mkdir .vscode; echo > .vscode/tasks.json; ln -s /etc \"$(printf 'x\\ny')\"",
    );
    assert_eq!(
        read()["items"],
        serde_json::json!([
            { "kind": "host-runs", "path": ".vscode/tasks.json", "change": "appeared", "by": "VS Code" },
            { "kind": "link-out", "path": "x\\ny", "change": "touched", "target": "/etc",
              "by": "what reads or writes it does so there" },
        ])
    );
    // Nothing is left beside it.
    let names = fs::read_dir(boxer.home()).expect("listing").flatten();
    assert!(
        !names
            .into_iter()
            .any(|entry| entry.file_name().to_string_lossy().starts_with(".report"))
    );
}

#[test]
fn the_report_is_refused_where_the_session_could_write_or_point_elsewhere() {
    let boxer = repository();
    boxer.make("shared");
    boxer.make("plain");
    boxer.link(boxer.home().join("plain"), "src/app/way");
    boxer.link("src/app/way", "hop");
    boxer.link("plain/target", "link.json");
    let refuse = |file: &Path, why: &str| {
        let file = file.to_str().expect("text");
        let ran = boxer.run([
            "exec",
            "-y",
            "--mount-home",
            "shared",
            "--report",
            file,
            "--",
            "true",
        ]);
        refused(ran, why);
    };
    refuse(Path::new("report.json"), "which enters");
    refuse(&boxer.home().join("shared/report.json"), "which enters");
    refuse(&boxer.project().join("way/report.json"), "which enters");
    refuse(&boxer.home().join("hop/report.json"), "leads there");
    refuse(&boxer.home().join("nowhere/report.json"), "not there");
    refuse(&boxer.home().join("link.json"), "a link");
    refuse(&boxer.home().join("plain"), "no file");
    assert!(!boxer.home().join("plain/target").exists());
}

#[test]
fn a_forwarded_signal_ends_in_a_report_too() {
    let boxer = repository();
    let report = boxer.home().join("report.json");
    let mut command = boxer.claudebox([
        "exec",
        "-y",
        "--report",
        report.to_str().expect("text"),
        "--",
        "sh",
        "-c",
        "mkfifo pipe; exec sleep 600",
    ]);
    command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let mut child = command.spawn().expect("it starts");
    until("the session to work", || {
        boxer.project().join("pipe").exists()
    });
    kill(
        Pid::from_raw(i32::try_from(child.id()).expect("a PID")),
        Signal::SIGTERM,
    )
    .expect("ours");
    assert_eq!(child.wait().expect("waiting").code(), Some(143));
    let json: Value = serde_json::from_slice(&fs::read(&report).expect("written")).expect("JSON");
    assert_eq!(
        (&json["status"], &json["items"][0]["path"]),
        (&143.into(), &"pipe".into())
    );
}

#[test]
fn a_large_tree_costs_a_quick_look_what_a_small_one_does_and_says_so() {
    let folder = tempfile::Builder::new()
        .prefix("claudebox-report-")
        .tempdir_in("/tmp")
        .expect("a temporary folder");
    let boxer = repository();
    let large = folder.path().join("large");
    for sub in 0..100 {
        let sub = large.join(sub.to_string());
        fs::create_dir_all(&sub).expect("a folder");
        let file = sub.join("file");
        fs::write(&file, "").expect("a file");
        for name in 1..1000 {
            fs::hard_link(&file, sub.join(name.to_string())).expect("another name");
        }
    }
    let open = fs::Permissions::from_mode(0o777);
    fs::set_permissions(folder.path(), open.clone()).expect("chmod");
    fs::set_permissions(&large, open.clone()).expect("chmod");
    let time = |project: &Path, scan: &str| {
        let took = (0..3).map(|_| {
            let mut command = boxer.claudebox(["exec", "-y", "--scan", scan, "--", "true"]);
            command.current_dir(project);
            let began = Instant::now();
            let output = command.output().expect("it runs");
            assert!(output.status.success(), "{output:?}");
            (
                began.elapsed(),
                told(&String::from_utf8_lossy(&output.stderr)),
            )
        });
        took.min().expect("three times")
    };
    let (small, silence) = time(&boxer.project(), "quick");
    assert_eq!(silence, "");
    let (quick, told) = time(&large, "quick");
    // The budget, and three times as much for a busy machine.
    let most = small + Duration::from_millis(200);
    assert!(quick < most, "{quick:?}, and {small:?} for a small tree");
    assert!(told.is_empty() || told.contains("--scan full"), "{told}");
    // The twin: all of it, or nothing at all.
    fs::create_dir_all(large.join("0/a/b/c/d")).expect("folders");
    fs::set_permissions(large.join("0/a/b/c/d"), open).expect("chmod");
    let mut full = boxer.claudebox([
        "exec",
        "-y",
        "--scan",
        "full",
        "--",
        "mkfifo",
        "0/a/b/c/d/pipe",
    ]);
    let output = full.current_dir(&large).output().expect("it runs");
    line(
        &super::report::told(&String::from_utf8_lossy(&output.stderr)),
        "0/a/b/c/d/pipe",
    );
    let mut off = boxer.claudebox(["exec", "-y", "--scan", "off", "--", "mkfifo", "pipe"]);
    let output = off.current_dir(&large).output().expect("it runs");
    assert_eq!(
        super::report::told(&String::from_utf8_lossy(&output.stderr)),
        ""
    );
}

#[test]
fn a_private_folder_that_is_full_at_the_end_is_told() {
    let boxer = Boxer::new();
    let fill = "head -c 1G /dev/zero >$XDG_RUNTIME_DIR/x 2>/dev/null || true;";
    let told = left(&boxer, &["--scan", "off"], &format!("{fill} true"));
    let full = told.lines().filter(|line| line.contains("limit"));
    let full: Vec<&str> = full.map(str::trim).collect();
    assert_eq!(full.len(), 1, "{told}");
    assert!(
        full[0].starts_with("! limit   /run/user/")
            && full[0].ends_with("M: it was full at the end"),
        "{told}"
    );
    let emptied = format!("{fill} rm $XDG_RUNTIME_DIR/x");
    assert_eq!(left(&boxer, &["--scan", "off"], &emptied), "");
}
