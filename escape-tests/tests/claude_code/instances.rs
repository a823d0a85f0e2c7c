//! What the real client keeps of a project, and what it finds of the user's own (INST-01, INST-02, AUTH-04): a conversation goes on,
//! nobody else sees it, and no dialog is shown that its user has answered.

use std::fs;
use std::path::Path;
use std::time::Duration;

use escape_tests::claude_code::{API_KEY, passed, turn_env};
use escape_tests::messages_api::MessagesApi;
use escape_tests::terminal::Terminal;
use escape_tests::{Caller, Ran, SOON, claudebox_bin, run, until};
use serde_json::Value;

use crate::ready;

/// A turn on a busy machine.
const TURN: Duration = Duration::from_secs(60);

/// `claudebox run` in `folder`, with these arguments of the client.
fn talk(caller: &Caller, api: &MessagesApi, folder: &Path, words: &[&str]) -> Ran {
    let mut command = caller.claudebox();
    turn_env(&mut command, api);
    command
        .current_dir(folder)
        .args(["run", "-y"])
        .args(passed(api));
    run(command.arg("--").args(words), TURN)
}

/// The texts of the last request that asked for a message.
fn last_request(api: &MessagesApi) -> String {
    let requests: Vec<Value> = api.requests();
    requests.last().map(ToString::to_string).unwrap_or_default()
}

#[test]
fn a_conversation_goes_on_in_its_project_and_is_absent_in_another() {
    let Some((caller, api)) = ready() else { return };
    let other = caller.home().join("src/other");
    fs::create_dir_all(&other).expect("making a project");
    caller.own(&other);
    let _ = talk(
        &caller,
        &api,
        &caller.project(),
        &["-p", "RUN: echo first-word"],
    )
    .success();
    let _ = talk(
        &caller,
        &api,
        &caller.project(),
        &["--continue", "-p", "RUN: echo second-word"],
    )
    .success();
    let asked = last_request(&api);
    assert!(
        asked.contains("first-word") && asked.contains("second-word"),
        "{asked}"
    );

    // The twin: without `--continue` the client starts anew, though all is there.
    let _ = talk(
        &caller,
        &api,
        &caller.project(),
        &["-p", "RUN: echo third-word"],
    )
    .success();
    assert!(!last_request(&api).contains("first-word"));

    let before = api.requests().len();
    let ran = talk(
        &caller,
        &api,
        &other,
        &["--continue", "-p", "RUN: echo fourth-word"],
    );
    let carried: Vec<String> = api.requests()[before..]
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(!carried.concat().contains("first-word"), "{ran}");
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert!(
        said.contains("No conversation found") || ran.status.success(),
        "{ran}"
    );
    assert!(
        !caller.home().join(".claude").exists(),
        "the user's own folder is left alone"
    );
}

#[test]
fn what_the_user_set_up_reaches_the_client() {
    let Some((caller, api)) = ready() else { return };
    let home = caller.home();
    caller.write(
        &home.join(".claude/CLAUDE.md"),
        "remember: the-memory-of-the-user\n",
    );
    caller.write(
        &home.join(".claude/commands/greet.md"),
        "RUN: echo hello-from-a-command\n",
    );
    caller.write(
        &home.join(".claude/settings.json"),
        r#"{"env":{"SET_BY_SETTINGS":"yes","MY_API_TOKEN":"canary-77"}}"#,
    );
    let ran = talk(
        &caller,
        &api,
        &caller.project(),
        &["-p", "RUN: echo [$SET_BY_SETTINGS][$MY_API_TOKEN]"],
    )
    .success();
    assert!(ran.stdout.contains("[yes][]"), "{ran}");
    assert!(last_request(&api).contains("the-memory-of-the-user"));
    assert!(!last_request(&api).contains("canary-77"));
    let ran = talk(&caller, &api, &caller.project(), &["-p", "/greet"]).success();
    assert!(last_request(&api).contains("hello-from-a-command"), "{ran}");
}

/// The first dialog of a client that knows nobody.
const WELCOME: &str = "Welcome to Claude Code";
/// Its prompt.
const PROMPT: &str = "bypass permissions on";

/// `claudebox run` at a terminal, up to where `there` is on the screen.
fn at_terminal(caller: &Caller, api: &MessagesApi, there: &str) -> Terminal {
    let mut line = vec![claudebox_bin().into_os_string()];
    line.extend(["run", "-y"].map(Into::into));
    line.extend(
        [
            "--env",
            "CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL",
        ]
        .map(Into::into),
    );
    line.extend(passed(api).into_iter().map(Into::into));
    let terminal = Terminal::start(caller, &line, |command| {
        turn_env(command, api);
        command.env("CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL", "1");
    });
    terminal.expect_that(there, |terminal| terminal.screen().contains(there));
    terminal
}

#[test]
fn no_dialog_is_shown_that_the_user_has_answered_on_the_host() {
    let Some((caller, api)) = ready() else { return };
    // The twin: who has answered nothing is asked.
    if let Some((nobody, api)) = ready() {
        drop(at_terminal(&nobody, &api, WELCOME));
    }
    let key = &API_KEY[API_KEY.len() - 20..];
    let state = serde_json::json!({
        "hasCompletedOnboarding": true,
        "lastOnboardingVersion": "2.1.197",
        "theme": "dark",
        "bypassPermissionsModeAccepted": true,
        "customApiKeyResponses": { "approved": [key], "rejected": [] },
        "mcpServers": { "db": { "command": "canary-of-mcp" } },
        "projects": { caller.project().display().to_string(): { "hasTrustDialogAccepted": true } },
    });
    caller.write(&caller.home().join(".claude.json"), &state.to_string());
    let terminal = at_terminal(&caller, &api, PROMPT);
    for dialog in [
        WELCOME,
        "Do you trust",
        "trust this folder",
        "Bypass Permissions mode",
        "Do you want to use this API key",
    ] {
        assert!(
            !terminal.written().contains(dialog),
            "{dialog}: {}",
            terminal.screen()
        );
    }
    terminal.type_text("RUN: touch asked-for-nothing");
    terminal.expect_that("the typed prompt", |terminal| {
        terminal.screen().contains("asked-for-nothing")
    });
    terminal.type_text("\r");
    until("the tool call", SOON, || {
        caller
            .project()
            .join("asked-for-nothing")
            .exists()
            .then_some(())
    });
    terminal.expect_that("the answer", |terminal| {
        terminal.screen().contains("TOOL SAID")
    });
    std::thread::sleep(Duration::from_secs(1));
    terminal.type_text("\x03");
    std::thread::sleep(Duration::from_millis(300));
    terminal.type_text("\x03");
    assert_eq!(terminal.ended(SOON).code, 0);
    // And the second time as well.
    let terminal = at_terminal(&caller, &api, PROMPT);
    assert!(
        !terminal.written().contains("trust"),
        "{}",
        terminal.screen()
    );
    let host = fs::read_to_string(caller.home().join(".claude.json")).expect("it is there");
    assert_eq!(host, state.to_string(), "the user's own is as it was");
}

#[test]
fn trust_in_another_folder_is_no_trust_in_this_one() {
    let Some((caller, api)) = ready() else { return };
    let key = &API_KEY[API_KEY.len() - 20..];
    let state = serde_json::json!({
        "hasCompletedOnboarding": true,
        "lastOnboardingVersion": "2.1.197",
        "theme": "dark",
        "customApiKeyResponses": { "approved": [key], "rejected": [] },
        "projects": { caller.home().join("src/other").display().to_string(): { "hasTrustDialogAccepted": true } },
    });
    caller.write(&caller.home().join(".claude.json"), &state.to_string());
    let terminal = at_terminal(&caller, &api, "trust");
    assert!(!terminal.screen().contains(PROMPT));
}
