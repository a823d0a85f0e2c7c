//! Owns what the host does with a project when a session is over: the programs that its user starts there every day, and what of
//! the project they run.
//!
//! git, make and Claude Code are the real ones. For an editor, direnv, npm and a file manager stand-ins do what the real program
//! does with the one file that matters: the shell of the caller runs what stands in it.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value;

use super::bait::Bait;
use super::lab::Lab;
use crate::claude_code::{Package, turn_env};
use crate::messages_api::MessagesApi;
use crate::{SOON, run};

/// A line of shell by which a planted thing tells that it was run: it writes its name down outside of the project.
#[must_use]
pub fn command(bait: &Bait, name: &str) -> String {
    format!("echo {name} >>{}", bait.ran.display())
}

/// The same as a program. Its input goes where it came from, as of a filter.
#[must_use]
pub fn program(bait: &Bait, name: &str) -> String {
    format!("#!/bin/sh\n{}\nexit 0\n", command(bait, name))
}

/// Of things that were planted together, either each was run or none: one that is guarded and one that is not are a gap, and one
/// that never runs proves nothing.
///
/// # Errors
/// Some were run.
pub fn all_or_none(lab: &Lab, names: &[&str]) -> io::Result<()> {
    let ran = fs::read_to_string(&lab.bait.ran)?;
    let still = |name: &&&str| !ran.lines().any(|line| line == **name);
    let missing: Vec<&&str> = names.iter().filter(still).collect();
    if ran.is_empty() || missing.is_empty() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{missing:?} did not run, but: {ran:?}"
    )))
}

/// Runs a program of the host's in a folder. How it ends is its own affair.
pub fn run_in(lab: &Lab, folder: &Path, words: &[&str]) {
    let mut command = lab.command(words[0]);
    command.args(&words[1..]).current_dir(folder);
    let who = ["AUTHOR", "COMMITTER"];
    for (name, value) in who.iter().flat_map(|who| {
        [
            (format!("GIT_{who}_NAME"), "ann"),
            (format!("GIT_{who}_EMAIL"), "ann@example.org"),
        ]
    }) {
        command.env(name, value);
    }
    command.env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("GIT_TERMINAL_PROMPT", "0");
    let _ = run(&mut command, SOON);
}

/// Runs git in a folder.
pub fn git_in(lab: &Lab, folder: &Path, words: &[&str]) {
    let words: Vec<&str> = std::iter::once("git")
        .chain(words.iter().copied())
        .collect();
    run_in(lab, folder, &words);
}

/// Runs git in the project.
pub fn git(lab: &Lab, words: &[&str]) {
    git_in(lab, &lab.bait.project, words);
}

/// A line of shell in the project.
pub fn shell(lab: &Lab, line: &str) {
    run_in(lab, &lab.bait.project, &["sh", "-c", line]);
}

/// Writes a file of the caller's.
///
/// # Errors
/// As the kernel gives them.
pub fn write(lab: &Lab, path: &Path, text: &str) -> io::Result<()> {
    lab.caller.write(path, text);
    let within = |path: &&Path| path.starts_with(&lab.bait.folder) && *path != lab.bait.folder;
    path.ancestors()
        .take_while(within)
        .try_for_each(|path| lab.give(path))?;
    lab.give(path)
}

/// Makes the project a repository of the user's own, with one commit.
///
/// # Errors
/// It is none then.
pub fn repository(lab: &Lab) -> io::Result<()> {
    let project = &lab.bait.project;
    fs::remove_dir_all(project.join(".git"))?;
    fs::remove_dir_all(project.join("hooks"))?;
    fs::remove_file(project.join("claude"))?;
    repository_in(lab, project)
}

/// Makes a repository in a folder that is there.
///
/// # Errors
/// It is none then.
pub fn repository_in(lab: &Lab, folder: &Path) -> io::Result<()> {
    write(lab, &folder.join("text"), "one\n")?;
    git_in(lab, folder, &["init", "--quiet", "--initial-branch=main"]);
    git_in(lab, folder, &["add", "text"]);
    git_in(lab, folder, &["commit", "--quiet", "--message=one"]);
    match fs::metadata(folder.join(".git/refs/heads/main")) {
        Ok(_) => Ok(()),
        Err(error) => Err(io::Error::other(format!("git made no repository: {error}"))),
    }
}

/// A day of work with git: a look, a commit, another branch.
///
/// # Errors
/// None.
pub fn day_of_git(lab: &Lab) -> io::Result<()> {
    shell(lab, "echo two >>text");
    git(lab, &["status"]);
    git(lab, &["diff"]);
    git(lab, &["commit", "--quiet", "--all", "--message=two"]);
    git(lab, &["checkout", "--quiet", "-b", "other"]);
    Ok(())
}

/// An editor opens the folder: VS Code runs the tasks of `.vscode/tasks.json` that say `folderOpen`, and the command of a
/// development container that is meant for the host.
///
/// # Errors
/// None.
pub fn open_editor(lab: &Lab) -> io::Result<()> {
    let project = &lab.bait.project;
    let json = |file: &str| -> Value {
        let text = fs::read(project.join(file)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    };
    let tasks = json(".vscode/tasks.json");
    let tasks = tasks["tasks"].as_array().cloned().unwrap_or_default();
    let at_opening = tasks
        .iter()
        .filter(|task| task["runOptions"]["runOn"] == "folderOpen");
    let container = json(".devcontainer/devcontainer.json");
    let commands = at_opening.filter_map(|task| task["command"].as_str());
    for command in commands.chain(container["initializeCommand"].as_str()) {
        shell(lab, command);
    }
    Ok(())
}

/// Takes away what the host runs from the project, so that the session starts where nothing of it is guarded yet: in a folder that
/// is no repository, with no settings.
///
/// # Errors
/// As the kernel gives them.
pub fn nothing_guarded(lab: &Lab) -> io::Result<()> {
    for path in lab.bait.host_runs.iter().chain(&lab.bait.pinned) {
        match fs::symlink_metadata(path) {
            Ok(there) if there.is_dir() => fs::remove_dir_all(path)?,
            Ok(_) => fs::remove_file(path)?,
            Err(_) => {}
        }
    }
    Ok(())
}

/// `.vscode/tasks.json` with a task that runs when the folder is opened.
#[must_use]
pub fn editor_task(command: &str) -> String {
    let task = serde_json::json!({ "label": "watch", "type": "shell", "command": command,
        "runOptions": { "runOn": "folderOpen" } });
    serde_json::json!({ "version": "2.0.0", "tasks": [task] }).to_string()
}

/// `npm run` of a script of `package.json`.
///
/// # Errors
/// None.
pub fn npm_run(lab: &Lab, script: &str) -> io::Result<()> {
    let text = fs::read(lab.bait.project.join("package.json")).unwrap_or_default();
    let package: Value = serde_json::from_slice(&text).unwrap_or_default();
    if let Some(command) = package["scripts"][script].as_str() {
        shell(lab, command);
    }
    Ok(())
}

/// Where direnv would remember that this `.envrc` is approved.
fn approved(lab: &Lab) -> std::path::PathBuf {
    lab.bait.folder.join("approved-envrc")
}

/// `direnv allow`.
///
/// # Errors
/// There is no `.envrc`.
pub fn direnv_allow(lab: &Lab) -> io::Result<()> {
    fs::copy(lab.bait.project.join(".envrc"), approved(lab)).map(drop)
}

/// A shell with direnv enters the project: an `.envrc` that was approved is sourced.
///
/// # Errors
/// None.
pub fn direnv(lab: &Lab) -> io::Result<()> {
    let there = fs::read(lab.bait.project.join(".envrc"));
    if there.is_ok_and(|there| fs::read(approved(lab)).is_ok_and(|approved| approved == there)) {
        shell(lab, ". ./.envrc");
    }
    Ok(())
}

/// A file manager shows the folder, and the user opens what looks like a document: a desktop file is run.
///
/// # Errors
/// The project cannot be listed.
pub fn file_manager(lab: &Lab) -> io::Result<()> {
    for entry in fs::read_dir(&lab.bait.project)?.flatten() {
        let of_a_desktop = entry.path().extension().is_some_and(|end| end == "desktop");
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        if let Some(command) = text
            .lines()
            .find_map(|line| line.strip_prefix("Exec="))
            .filter(|_| of_a_desktop)
        {
            shell(lab, command);
        }
    }
    Ok(())
}

/// The real Claude Code, outside, says hello in the project.
///
/// # Errors
/// It did not talk to the stand-in of the API.
pub fn claude_code(lab: &Lab) -> io::Result<()> {
    let api = MessagesApi::start();
    let mut command = lab.command(Package::pinned().program());
    turn_env(&mut command, &api);
    let own = lab.bait.folder.join("claude-of-the-host");
    fs::create_dir_all(&own)?;
    lab.give(&own)?;
    command
        .env("CLAUDE_CONFIG_DIR", &own)
        .env("CLAUDE_CODE_TMPDIR", &own);
    let ran = run(command.args(["-p", "hello"]), SOON);
    if api.requests().is_empty() {
        return Err(io::Error::other(format!("Claude Code asked nothing:{ran}")));
    }
    Ok(())
}
