//! Whole turns (RUN-01, RUN-05, ENV-A, AWARE-A, NET-01, NET-03): what came back on stdout, and what arrived at the API.
//!
//! `the_client_works_without_the_sandbox` is the twin of them all: what fails inside and not there is the sandbox's doing.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use escape_tests::claude_code::{API_KEY, passed, turn, turn_env};
use escape_tests::messages_api::TOOL_SAID;
use escape_tests::{SOON, run};
use serde_json::Value;

use crate::ready;

/// A turn on a busy machine.
const TURN: Duration = Duration::from_secs(60);

/// What the tool said, which must be all of stdout (RUN-05).
fn tool_said(stdout: &str) -> &str {
    stdout
        .strip_prefix(TOOL_SAID)
        .unwrap_or_else(|| panic!("stdout does not start with what the agent says:\n{stdout}"))
}

/// Every string in the requests, joined: the agent may put a text anywhere in them.
fn all_text(requests: &[Value]) -> String {
    fn collect(value: &Value, into: &mut String) {
        match value {
            Value::String(text) => {
                into.push_str(text);
                into.push('\n');
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
            Value::Object(fields) => fields.values().for_each(|field| collect(field, into)),
            _ => {}
        }
    }
    let mut text = String::new();
    requests
        .iter()
        .for_each(|request| collect(request, &mut text));
    text
}

#[test]
fn the_client_works_without_the_sandbox() {
    let Some((caller, api)) = ready() else { return };
    let mut command = caller.command(caller.home().join(".local/bin/claude"));
    turn_env(&mut command, &api);
    // Outside, the temporary files of the client would stay in the machine's own folder for them.
    command.env("CLAUDE_CODE_TMPDIR", caller.home());
    command.args([
        "--dangerously-skip-permissions",
        "-p",
        "RUN: id -u; touch planted",
    ]);
    let ran = run(&mut command, TURN).success();
    assert_eq!(
        tool_said(&ran.stdout).trim(),
        caller.uid().to_string(),
        "{ran}"
    );
    assert!(caller.project().join("planted").exists(), "{ran}");
    assert_eq!(
        api.requests().len(),
        2,
        "one for the call of the tool, one for its result"
    );
}

#[test]
fn a_tool_call_runs_inside() {
    let Some((caller, api)) = ready() else { return };
    let look = "id -u; uname -n; for n in user mnt pid ipc uts; do readlink /proc/self/ns/$n; done; cat /proc/1/comm";
    let ran = run(
        &mut turn(
            &caller,
            &api,
            &["--network", "full"],
            &format!("RUN: {look}"),
        ),
        TURN,
    )
    .success();
    let inside: Vec<&str> = tool_said(&ran.stdout).lines().collect();
    let outside = run(caller.command("sh").args(["-c", look]), SOON).success();
    let outside: Vec<&str> = outside.stdout.lines().collect();
    assert_eq!(inside.len(), outside.len(), "{ran}");

    assert_eq!(
        inside[0],
        caller.uid().to_string(),
        "the caller's own uid, so that files of the project keep their owner"
    );
    // Another name, another user, mount, PID, IPC and UTS namespace, another PID 1.
    for (inside, outside) in inside.iter().zip(&outside).skip(1) {
        assert_ne!(inside, outside, "{ran}");
    }
    assert_eq!(inside[7], "init", "PID 1 is the launcher's own stage:{ran}");
    assert_eq!(
        api.requests().len(),
        2,
        "one for the call of the tool, one for its result"
    );
}

#[test]
fn the_agent_writes_to_the_project_without_asking() {
    let Some((caller, api)) = ready() else { return };
    let ran = run(
        &mut turn(&caller, &api, &[], "RUN: touch planted && echo done"),
        TURN,
    )
    .success();
    assert_eq!(tool_said(&ran.stdout).trim(), "done", "{ran}");
    let planted = fs::metadata(caller.project().join("planted"))
        .unwrap_or_else(|error| panic!("{error}:{ran}"));
    assert_eq!(planted.uid(), caller.uid(), "{ran}");

    // The twin: it is `run` alone that puts the flag in front of the arguments, and for its own agent alone. Without it the
    // same call is refused by the client itself.
    for start in [&["exec", "-y"][..], &["run", "-y", "--cmd", "claude"]] {
        let mut command = caller.claudebox();
        turn_env(&mut command, &api);
        command.env(
            "PATH",
            format!("{}/.local/bin:/usr/bin:/bin", caller.home().display()),
        );
        command.args(start).args(passed(&api)).arg("--");
        if start[0] == "exec" {
            command.arg("claude");
        }
        let ran = run(command.args(["-p", "RUN: touch asked && echo done"]), TURN).success();
        assert!(!caller.project().join("asked").exists(), "{ran}");
        assert_ne!(tool_said(&ran.stdout).trim(), "done", "{ran}");
    }
}

#[test]
fn the_request_carries_what_sandbox_md_says() {
    let Some((caller, api)) = ready() else { return };
    let ran = run(
        &mut turn(&caller, &api, &[], "RUN: cat /etc/claudebox/SANDBOX.md"),
        TURN,
    )
    .success();
    let said = tool_said(&ran.stdout).trim();
    assert!(
        said.lines().count() > 5,
        "SANDBOX.md is there and has something to say:{ran}"
    );
    // Of the first request alone: the second one holds the text as what the tool returned.
    let first = all_text(&api.requests()[..1]);
    for line in said.lines().filter(|line| !line.trim().is_empty()) {
        assert!(
            first.contains(line.trim()),
            "the memory of the agent lacks {line:?}"
        );
    }
}

#[test]
fn the_key_arrives_and_the_rest_of_the_environment_does_not() {
    let Some((caller, api)) = ready() else { return };
    let canary = "canary-4c1d9e";
    let look = "RUN: env; echo ---; cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'";
    let mut command = turn(&caller, &api, &[], look);
    let ran = run(
        command
            .env("CANARY", canary)
            .env("AWS_SECRET_ACCESS_KEY", canary),
        TURN,
    )
    .success();
    assert!(
        ran.stdout
            .contains(&format!("ANTHROPIC_BASE_URL={}", api.url())),
        "env printed nothing:{ran}"
    );
    assert!(
        !ran.stdout.contains(canary) && !ran.stdout.contains("CANARY"),
        "{ran}"
    );
    let calls = api.calls();
    let turns: Vec<_> = calls
        .iter()
        .filter(|call| call.target.starts_with("/v1/messages"))
        .collect();
    assert!(
        turns
            .iter()
            .all(|call| call.header("x-api-key") == Some(API_KEY)),
        "{turns:?}"
    );
    assert!(!turns.is_empty());

    // The twin: asked for by name, the same variable is seen by the same look.
    let mut command = turn(&caller, &api, &["--env", "CANARY"], look);
    let ran = run(command.env("CANARY", canary), TURN).success();
    assert!(ran.stdout.contains(&format!("CANARY={canary}")), "{ran}");
}

#[test]
fn without_a_network_nothing_reaches_the_api() {
    let Some((caller, api)) = ready() else { return };
    // One try: the client's own patience is minutes.
    let flags = ["--env", "CLAUDE_CODE_MAX_RETRIES"];
    let prepare = |command: &mut Command| {
        command.env("CLAUDE_CODE_MAX_RETRIES", "0");
    };
    let mut command = turn(
        &caller,
        &api,
        &[&["--network", "none"][..], &flags].concat(),
        "RUN: id",
    );
    prepare(&mut command);
    let ran = run(&mut command, TURN);
    assert_eq!(api.connections(), 0, "{ran}");
    assert_eq!(
        ran.status.code(),
        Some(1),
        "the client's own error, not the launcher's:{ran}"
    );
    assert!(!ran.stdout.contains(TOOL_SAID), "{ran}");

    // The twin: the tier is the only difference.
    let mut command = turn(
        &caller,
        &api,
        &[&["--network", "full"][..], &flags].concat(),
        "RUN: id",
    );
    prepare(&mut command);
    let ran = run(&mut command, TURN).success();
    assert!(
        api.connections() > 0 && ran.stdout.starts_with(TOOL_SAID),
        "{ran}"
    );
}

#[test]
fn the_prompt_comes_through_a_pipe() {
    let Some((caller, api)) = ready() else { return };
    let mut command = caller.claudebox();
    turn_env(&mut command, &api);
    command
        .args(["run", "-y"])
        .args(passed(&api))
        .args(["--", "-p"]);
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    writer
        .write_all(b"RUN: echo through the pipe\n")
        .expect("a prompt fits into a pipe");
    drop(writer);
    let ran = run(command.stdin(Stdio::from(reader)), TURN).success();
    assert_eq!(tool_said(&ran.stdout).trim(), "through the pipe", "{ran}");
}
