//! Owns what a login of Claude Code is: what of a `.credentials.json` is taken for one, and which of two goes to the other side
//! (AUTH-01, AUTH-03, CRED-04..07). Pure.
//!
//! The client of 2.1.197 writes one object `claudeAiOauth` with the keys below. Beside it may lie logins of MCP servers, of gateways
//! and of devices: each side keeps its own of these, and none crosses. A client whose refresh token is refused empties both tokens and
//! sets `expiresAt` to 0: that is no login.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::text::Text;

/// The largest file that is read: logins of MCP servers may lie beside.
pub const MOST_FILE: u64 = 256 * 1024;
/// The largest login in it.
const MOST: usize = 64 * 1024;
/// How far ahead a login may end. An access token lives for hours, one that was made for machines for a year. What ended later
/// would be newer than whatever the user makes.
const MOST_AHEAD: u64 = 400 * 24 * 3600 * 1000;

/// The key of the file under which it lies.
const LOGIN: &str = "claudeAiOauth";
/// Its parts that are text, or may be nothing.
const TEXTS: [&str; 3] = ["subscriptionType", "rateLimitTier", "clientId"];

/// A login, of which nothing is printed.
#[derive(Clone, PartialEq)]
pub struct Login {
    parts: Map<String, Value>,
    expires: u64,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").finish_non_exhaustive()
    }
}

/// Why a file holds no login. Nothing of the file is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// It is no object of JSON.
    Json {
        /// Where reading stopped.
        line: usize,
        /// Where in it.
        column: usize,
    },
    /// There is none in it: others may be.
    None,
    /// The client found it spent.
    Spent,
    /// What should be it is no object.
    Shape,
    /// A part is missing, or is not what it should be.
    Part(&'static str),
    /// It is larger than any.
    Large,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::Json { line, column } => {
                write!(f, "it is no object of JSON (line {line}, column {column})")
            }
            Unfit::None => write!(f, "there is no login in it"),
            Unfit::Spent => write!(f, "its login is spent"),
            Unfit::Shape => write!(f, "its {LOGIN} is no object"),
            Unfit::Part(part) => write!(f, "its {LOGIN}.{part} is not what Claude Code writes"),
            Unfit::Large => write!(f, "its login is larger than {MOST} bytes"),
        }
    }
}

fn object(json: &[u8]) -> Result<Map<String, Value>, Unfit> {
    serde_json::from_slice(json).map_err(|error| Unfit::Json {
        line: error.line(),
        column: error.column(),
    })
}

impl Login {
    /// The login in a file with this content; `now` is in milliseconds since 1970.
    ///
    /// # Errors
    /// Why there is none.
    pub fn of(json: &[u8], now: u64) -> Result<Self, Unfit> {
        let mut file = object(json)?;
        let login = match file.remove(LOGIN) {
            Some(Value::Object(login)) => login,
            None | Some(Value::Null) => return Err(Unfit::None),
            Some(_) => return Err(Unfit::Shape),
        };
        Self::of_parts(login, now)
    }

    fn of_parts(mut login: Map<String, Value>, now: u64) -> Result<Self, Unfit> {
        let mut parts = Map::new();
        let empty = |value: &Value| value.as_str() == Some("");
        let spent = ["accessToken", "refreshToken"]
            .iter()
            .any(|token| login.get(*token).is_some_and(empty));
        if spent {
            return Err(Unfit::Spent);
        }
        let text = |value: &Value| value.is_string();
        let open = |value: &Value| value.is_string() || value.is_null();
        let mut take = |part: &'static str, needed: bool, fits: &dyn Fn(&Value) -> bool| {
            match login.remove(part) {
                Some(value) if fits(&value) => _ = parts.insert(part.to_owned(), value),
                None if !needed => {}
                _ => return Err(Unfit::Part(part)),
            }
            Ok(())
        };
        take("accessToken", true, &text)?;
        take("refreshToken", false, &open)?;
        take("expiresAt", true, &Value::is_u64)?;
        take("scopes", false, &|value| match value {
            Value::Array(scopes) => scopes.iter().all(text),
            value => value.is_null(),
        })?;
        for part in TEXTS {
            take(part, false, &open)?;
        }
        let expires = parts.get("expiresAt").and_then(Value::as_u64).unwrap_or(0);
        if expires == 0 || expires > now.saturating_add(MOST_AHEAD) {
            return Err(Unfit::Part("expiresAt"));
        }
        let size = serde_json::to_vec(&parts).map_or(usize::MAX, |json| json.len());
        if size > MOST {
            return Err(Unfit::Large);
        }
        Ok(Self { parts, expires })
    }

    fn refreshes(&self) -> bool {
        self.parts.get("refreshToken").is_some_and(Value::is_string)
    }

    /// The content of a file with this login in it: all else that was there stays.
    #[must_use]
    pub fn within(&self, there: Option<&[u8]>) -> String {
        let mut file = there.and_then(|json| object(json).ok()).unwrap_or_default();
        let mut login = match file.remove(LOGIN) {
            Some(Value::Object(login)) => login,
            _ => Map::new(),
        };
        login.extend(self.parts.clone());
        file.insert(LOGIN.into(), Value::Object(login));
        Value::Object(file).to_string()
    }
}

/// What lies on one side.
#[derive(Debug, Clone, PartialEq)]
pub enum Side {
    /// Nothing.
    Absent,
    /// A login that the client found spent.
    Spent,
    /// Something that is no login, for this reason.
    Unfit(String),
    /// A login.
    Good(Login),
}

impl Side {
    /// Of the content of a file, or why it could not be read.
    #[must_use]
    pub fn of(content: Result<Option<Vec<u8>>, String>, now: u64) -> Self {
        match content {
            Err(why) => Side::Unfit(why),
            Ok(None) => Side::Absent,
            Ok(Some(json)) => match Login::of(&json, now) {
                Ok(login) => Side::Good(login),
                Err(Unfit::None) => Side::Absent,
                Err(Unfit::Spent) => Side::Spent,
                Err(unfit) => Side::Unfit(unfit.to_string()),
            },
        }
    }
}

/// What of a login the host has, without a word of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnHost {
    /// None, and none that was made inside before.
    #[default]
    None,
    /// The host's own, in this file, all links followed.
    Host(Text),
    /// One that was made inside before.
    Own,
    /// There is something at its place, and it does not enter, for this reason.
    Left(String),
}

/// What the launcher keeps in step with the session's `.credentials.json`.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Share {
    /// The file outside.
    pub at: Text,
    /// Whether it is the host's own; else it is claudebox's, for logins that are made inside.
    pub of_host: bool,
    /// Whether there is a login in it already.
    pub enters: bool,
    /// Whose it is, as the client calls them.
    pub who: Option<Text>,
    /// The account of the host. Not printed.
    #[serde(skip)]
    pub account: Option<String>,
    /// The host's `.claude.json`, which names it. Not printed.
    #[serde(skip)]
    pub claude_json: Text,
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Share")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// What is known beside the two sides.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Whether the session is about to start, and no other runs in the same state.
    pub start: bool,
    /// Whether the outer side is the host's own file, and not claudebox's.
    pub of_host: bool,
    /// The login that went from one side to the other last.
    pub last: Option<&'a Login>,
    /// Whether both sides name the same account, or the host names none.
    pub same_account: bool,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crossing {
    /// Nothing.
    Stay,
    /// The outer one goes in.
    In,
    /// The inner one goes out.
    Out,
    /// Nothing: the inner one is another account's.
    Foreign,
}

/// Which login goes where. What is lost or is no login never replaces one; and the host's own is never made where there is none: its
/// user logged out.
#[must_use]
pub fn decide(outside: &Side, inside: &Side, known: Known<'_>) -> Crossing {
    match (outside, inside) {
        (Side::Good(outer), Side::Good(inner)) if outer == inner => Crossing::Stay,
        // What the user is now, on the host, counts for the next session.
        (Side::Good(_), Side::Good(_)) if !known.same_account && known.start => Crossing::In,
        (Side::Good(_), Side::Good(_)) if !known.same_account => Crossing::Foreign,
        (Side::Good(outer), Side::Good(inner)) => {
            if inner.expires <= outer.expires {
                Crossing::In
            } else if outer.refreshes() && !inner.refreshes() {
                Crossing::Stay
            } else {
                Crossing::Out
            }
        }
        // Who logs out inside stays so for the session, unless the host has a new one.
        (Side::Good(outer), Side::Absent | Side::Spent | Side::Unfit(_)) => {
            if known.start || known.last != Some(outer) {
                Crossing::In
            } else {
                Crossing::Stay
            }
        }
        // One that is not from this session may be of a host that has logged out since.
        (Side::Absent, Side::Good(inner)) => {
            if known.of_host || known.start || known.last == Some(inner) {
                Crossing::Stay
            } else {
                Crossing::Out
            }
        }
        // It is the very one that is spent now.
        (Side::Spent, Side::Good(inner)) if known.last == Some(inner) => Crossing::Stay,
        // It is what the other was spent for: of two that refresh at once, one is refused.
        (Side::Spent, Side::Good(_)) if known.same_account => Crossing::Out,
        (Side::Spent, Side::Good(_)) if !known.start => Crossing::Foreign,
        (Side::Unfit(_) | Side::Spent | Side::Absent, _) => Crossing::Stay,
    }
}

/// The account that a `.claude.json` names, and its organization.
#[must_use]
pub fn account(json: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Read {
        oauth_account: Option<Value>,
    }
    let read: Read = serde_json::from_slice(json).ok()?;
    account_of(&read.oauth_account?)
}

/// The same of the value of `oauthAccount`.
#[must_use]
pub fn account_of(value: &Value) -> Option<String> {
    let uuid = value.get("accountUuid")?.as_str()?;
    let organization = value.get("organizationUuid").and_then(Value::as_str);
    Some(format!("{uuid} {}", organization.unwrap_or_default()))
}

#[cfg(test)]
mod tests;
