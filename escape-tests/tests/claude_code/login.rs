//! The login of the real client (AUTH-01): it speaks with the token of the host, and goes on with the one that the host has by then.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use escape_tests::claude_code::{passed, turn_env};
use escape_tests::{Caller, SOON, claudebox_bin, until};

use crate::ready;

const FILE: &str = ".claude/.credentials.json";

fn login(token: &str, hours: u64) -> String {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    let ends = (since.as_secs() / 3600 + hours) * 3_600_000;
    serde_json::json!({ "claudeAiOauth": {
        "accessToken": format!("sk-ant-oat01-{token}"),
        "refreshToken": format!("sk-ant-ort01-{token}"),
        "expiresAt": ends,
        "scopes": ["user:inference", "user:profile"],
        "subscriptionType": "max",
    }})
    .to_string()
}

fn rename_in(caller: &Caller, content: &str) {
    let at = caller.home().join(FILE);
    let new = at.with_extension("new");
    caller.write(&new, content);
    fs::rename(new, at).expect("a rename");
}

#[test]
fn it_speaks_with_the_token_of_the_host_and_with_the_next_one_in_the_same_turn() {
    let Some((caller, api)) = ready() else { return };
    caller.write(&caller.home().join(FILE), &login("first", 8));
    let bearer = |token: &str| {
        let wanted = format!("Bearer sk-ant-oat01-{token}");
        let calls = api.calls();
        calls
            .iter()
            .filter(|call| call.header("authorization") == Some(&wanted))
            .count()
    };
    let mut command = caller.claudebox();
    turn_env(&mut command, &api);
    command.env_remove("ANTHROPIC_API_KEY");
    let prompt = "RUN: touch asked; until grep -q oat01-next ~/.claude/.credentials.json; do sleep 0.1; done";
    command
        .args(["run", "-y"])
        .args(passed(&api))
        .args(["--", "-p", prompt])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut session = command.spawn().expect("it starts");
    let asked = caller.project().join("asked");
    until("the tool call", SOON, || {
        let mut ended = || session.try_wait().is_ok_and(|ended| ended.is_some());
        (Path::exists(&asked) || ended()).then_some(())
    });
    rename_in(&caller, &login("next", 9));
    let ended = session.wait_with_output().expect("waiting");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr)
    );
    assert!(
        ended.status.success(),
        "{}: {said}",
        claudebox_bin().display()
    );
    assert!(bearer("first") > 0, "{said}");
    assert!(bearer("next") > 0, "{said}");
    assert!(!said.contains("sk-ant-oat01"), "{said}");
}
