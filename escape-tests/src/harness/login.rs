//! Owns logins as probes plant and read them: the shape is that of Claude Code 2.1.197, the tokens are none.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::lab::Lab;
use crate::probe::Act;

/// Where it lies in the home folder.
pub const LOGIN: &str = ".claude/.credentials.json";
/// Where the account stands.
pub const ACCOUNT: &str = ".claude.json";

/// How long a launcher takes to carry a login over, where it does: twice what it waits after a change.
pub const CARRIED: Duration = Duration::from_millis(250);

/// A login with this token, which ends in so many hours.
#[must_use]
pub fn text(token: &str, hours: u64) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let hour = since.map_or(0, |since| since.as_secs()) / 3600;
    let ends = (hour + hours) * 3_600_000;
    format!(
        r#"{{"claudeAiOauth":{{"accessToken":"{token}","refreshToken":"{token}","expiresAt":{ends},"scopes":["user:inference"],"subscriptionType":"max"}}}}"#
    )
}

/// The account of this name, as it stands in `.claude.json`.
#[must_use]
pub fn account(name: &str) -> String {
    format!(r#"{{"oauthAccount":{{"accountUuid":"{name}","organizationUuid":"{name}"}}}}"#)
}

/// Gives the host this login. Beside it lies one of an MCP server, which is a canary.
///
/// # Errors
/// As the kernel gives them.
pub fn give(lab: &Lab, token: &str, hours: u64) -> io::Result<()> {
    put(lab, LOGIN, &text(token, hours), "mcpOAuth")
}

/// Gives the host this account, beside a server with a canary.
///
/// # Errors
/// As the kernel gives them.
pub fn give_account(lab: &Lab, name: &str) -> io::Result<()> {
    put(lab, ACCOUNT, &account(name), "mcpServers")
}

/// As the client does it: by a new file and a rename.
fn put(lab: &Lab, file: &str, json: &str, beside: &str) -> io::Result<()> {
    let json = json.strip_suffix('}').unwrap_or_default();
    let mark = &lab.bait.mark;
    let at = lab.bait.home.join(file);
    let new = at.with_extension("new");
    fs::write(
        &new,
        format!(r#"{json},"{beside}":{{"db":{{"accessToken":"{mark}"}}}}}}"#),
    )?;
    lab.give(&new)?;
    fs::rename(new, at)
}

/// The access token in a login.
#[must_use]
pub fn token(path: &Path) -> Option<String> {
    let json: serde_json::Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let token = json.get("claudeAiOauth")?.get("accessToken")?;
    token.as_str().map(str::to_owned)
}

/// The same as an act.
#[must_use]
pub fn seen(home: &Path) -> Act {
    token(&home.join(LOGIN)).map_or(Act::Absent, Act::saw)
}

/// That the host has another login than the one with `token`, if so.
#[must_use]
pub fn is_not(home: &Path, wanted: &str) -> Option<String> {
    let there = token(&home.join(LOGIN));
    (there.as_deref() != Some(wanted))
        .then(|| format!("the login of the host is {there:?} and not {wanted:?}"))
}
