//! What a session in which the agent did nothing leaves in the project, which is nothing (FS-F).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use escape_tests::claude_code::{ONBOARDED, onboard, onboarded_env, passed, turn_env};
use escape_tests::terminal::{Terminal, descendants, processes};
use escape_tests::{Caller, SOON, claudebox_bin, until};

use crate::ready;

/// Everything of a tree that a session could have changed: kinds, modes, owners, times of change, contents, links.
fn tree(folder: &Path) -> BTreeMap<String, String> {
    fn walk(path: &Path, top: &Path, into: &mut BTreeMap<String, String>) {
        let metadata = fs::symlink_metadata(path).expect("looking at the tree");
        let content = if metadata.is_dir() {
            for entry in fs::read_dir(path).expect("reading the tree") {
                walk(&entry.expect("reading the tree").path(), top, into);
            }
            String::new()
        } else if metadata.is_symlink() {
            format!("{:?}", fs::read_link(path).expect("reading a link"))
        } else {
            fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let name = path
            .strip_prefix(top)
            .expect("it lies in the tree")
            .display()
            .to_string();
        let (mode, uid, gid) = (metadata.mode(), metadata.uid(), metadata.gid());
        let time = (
            metadata.mtime(),
            metadata.mtime_nsec(),
            metadata.ctime(),
            metadata.ctime_nsec(),
        );
        into.insert(name, format!("{mode:o} {uid}:{gid} {time:?} {content}"));
    }
    let mut found = BTreeMap::new();
    walk(folder, folder, &mut found);
    found
}

/// What came, went or differs between two trees.
fn changes(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differs = names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name));
    differs
        .map(|name| {
            format!(
                "{name}: {:?} became {:?}",
                before.get(name),
                after.get(name)
            )
        })
        .collect()
}

/// A project with all that claudebox guards or reads, laid out by hand: git need not be there.
fn fill_project(caller: &Caller) {
    let project = caller.project();
    for (path, content) in [
        ("main.c", "int main(void) { return 0; }\n"),
        ("CLAUDE.md", "# A project\n"),
        (".git/HEAD", "ref: refs/heads/main\n"),
        (
            ".git/config",
            "[core]\n\trepositoryformatversion = 0\n\tbare = false\n",
        ),
        (".git/hooks/pre-commit.sample", "#!/bin/sh\n"),
        (".git/objects/info/.keep", ""),
        (".git/refs/heads/.keep", ""),
        (".envrc", "use flake\n"),
        (".env", "TOKEN=of-the-project\n"),
        (".claude/settings.json", "{}\n"),
    ] {
        caller.write(&project.join(path), content);
    }
    std::os::unix::fs::symlink("main.c", project.join("link.c")).expect("making a link");
    caller.own(&project);
}

#[test]
fn the_project_is_as_before_after_an_idle_session_was_killed() {
    let Some((caller, api)) = ready() else { return };
    fill_project(&caller);
    onboard(&caller);
    let before = tree(&caller.project());
    assert!(before.len() > 15, "the tree is seen: {before:?}");
    // The comparison sees a file that comes and goes.
    let ghost = caller.project().join(".bashrc");
    fs::write(&ghost, "").expect("writing to the project");
    assert_eq!(
        changes(&before, &tree(&caller.project())).len(),
        2,
        "the file, and the time of its folder"
    );
    fs::remove_file(ghost).expect("removing it again");
    let before = tree(&caller.project());

    let mut line = vec![claudebox_bin().into_os_string()];
    line.extend(["run", "-y"].map(Into::into));
    line.extend(ONBOARDED.map(Into::into));
    line.extend(passed(&api).into_iter().map(Into::into));
    let terminal = Terminal::start(&caller, &line, |command| {
        turn_env(command, &api);
        onboarded_env(command, &caller);
    });
    let launcher = terminal.command_pid();
    terminal.expect_that("the agent's prompt", |terminal| {
        terminal.screen().contains("bypass permissions on")
    });
    let agent = until("the agent as a process", SOON, || {
        descendants(launcher)
            .into_iter()
            .find(|process| process.name == "claude")
    });
    std::thread::sleep(Duration::from_secs(2));
    let during = tree(&caller.project());

    let pid = rustix::process::Pid::from_raw(launcher.cast_signed()).expect("a process has an id");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL)
        .expect("killing the launcher");
    assert_eq!(terminal.ended(SOON).code, 137);
    until("the agent to be gone", Duration::from_secs(2), || {
        (!processes().iter().any(|process| process.pid == agent.pid)).then_some(())
    });

    // A session that leaves nothing behind shows nothing while it runs either.
    assert_eq!(changes(&before, &during), Vec::<String>::new());
    assert_eq!(
        changes(&before, &tree(&caller.project())),
        Vec::<String>::new()
    );
}
