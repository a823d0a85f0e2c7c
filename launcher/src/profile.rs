//! Owns the format of profiles: strict JSON at `~/.claudebox/profiles/NAME.json`, and `config.json` that always
//! applies first (PROF-01..03).
//!
//! Nothing is run and nothing is expanded but a leading `~/`. An unknown or doubled key, a wrong type: an error with
//! file, line, column and the nearest key.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::cli::Tier;
use crate::facts::{Content, ProfileFile};
use crate::group::Grouped;
use crate::hint::{Hint, nearest};
use crate::limit::Limited;
use crate::text::Text;

/// What a profile says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Profile {
    /// One line for people.
    #[serde(deserialize_with = "said")]
    pub description: Option<String>,
    /// Names of host variables to pass.
    pub env: Vec<String>,
    /// Variables to set.
    pub set: Unique<String>,
    /// Paths to show.
    pub mounts: Vec<Object<Mount>>,
    /// Network tier.
    #[serde(deserialize_with = "said")]
    pub network: Option<Tier>,
    /// Hosts that are reachable beside the internet, as `--allow`.
    pub allow: Vec<String>,
    /// Ports of the host's loopback, as `--host-port`.
    pub host_ports: Vec<String>,
    /// Ports inside for the host's loopback, as `--publish`.
    pub publish: Vec<String>,
    /// What to start in place of Claude Code.
    #[serde(deserialize_with = "said")]
    pub agent: Option<Object<Agent>>,
    /// Folders to put first on PATH.
    pub path: Vec<String>,
    /// What of ssh to give.
    pub ssh: Object<Ssh>,
    /// What a session may use up.
    pub limits: Object<Limits>,
    /// Patterns of what is unreadable inside, as `--hide`.
    pub hide: Vec<String>,
}

/// A key that is there has a value; `null` is none.
fn said<'de, T: Deserialize<'de>, D: Deserializer<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

/// A path to show inside.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// The path; a leading `~/` is the home folder.
    pub path: String,
    /// Read-only unless `rw`.
    #[serde(default)]
    pub mode: Mode,
    /// Says that this exact path may uncover a secret place (FS-E).
    #[serde(default)]
    pub uncover_secret: bool,
}

/// How a path is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Read-only.
    #[default]
    Ro,
    /// Read-write.
    Rw,
}

/// An agent other than the default.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// A name or a path.
    pub command: String,
    /// Arguments before those of the command line.
    #[serde(default)]
    pub args: Vec<String>,
}

/// What of ssh to give.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ssh {
    /// Forward the agent's socket.
    pub agent: bool,
    /// Private keys to show.
    pub keys: Vec<String>,
}

/// What a session may use up; each by the name that it has in `--limit`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Limits {
    /// Processes.
    #[serde(deserialize_with = "said")]
    pub processes: Option<Amount>,
    /// Open files of each process.
    #[serde(deserialize_with = "said")]
    pub files: Option<Amount>,
    /// Memory that cannot be swapped out.
    #[serde(deserialize_with = "said")]
    pub locked_memory: Option<Amount>,
    /// Memory of the whole session.
    #[serde(deserialize_with = "said")]
    pub memory: Option<Amount>,
    /// Processors of the whole session.
    #[serde(deserialize_with = "said")]
    pub cpu: Option<Amount>,
}

impl Limits {
    /// Those that are said, as they would be typed.
    pub fn said(&self) -> impl Iterator<Item = (&'static str, String)> {
        let all = [
            (Limited::Processes.name(), &self.processes),
            (Limited::Files.name(), &self.files),
            (Limited::LockedMemory.name(), &self.locked_memory),
            (Grouped::Memory.name(), &self.memory),
            (Grouped::Cpu.name(), &self.cpu),
        ];
        let said = all.map(|(on, amount)| amount.as_ref().map(|amount| (on, amount.typed())));
        said.into_iter().flatten()
    }
}

/// A number, or a number with a unit as a string.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "invalid value, expected a number, or a string such as \"64M\""
)]
pub enum Amount {
    /// A number.
    Number(u64),
    /// As it is typed.
    Typed(String),
}

impl Amount {
    fn typed(&self) -> String {
        match self {
            Amount::Number(number) => number.to_string(),
            Amount::Typed(typed) => typed.clone(),
        }
    }
}

/// A `T` that is written as a JSON object. serde's own structs may also be written as arrays, by position.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object<T>(pub T);

impl<T> std::ops::Deref for Object<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Fields(std::marker::PhantomData))
    }
}

/// A JSON object in which no key stands twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unique<T>(pub BTreeMap<String, T>);

impl<T> Default for Unique<T> {
    fn default() -> Self {
        Unique(BTreeMap::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Unique<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Keys<T> {
            type Value = Unique<T>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut unique = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, T>()? {
                    if unique.insert(key.clone(), value).is_some() {
                        return Err(serde::de::Error::custom(format!("duplicate field `{key}`")));
                    }
                }
                Ok(Unique(unique))
            }
        }
        deserializer.deserialize_map(Keys(std::marker::PhantomData))
    }
}

/// A profile that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The name is none.
    #[error("`{0}` is not a profile name")]
    Name(Text),
    /// There is no such profile.
    #[error("there is no profile `{name}` at {path}")]
    Missing { name: Text, path: Text },
    /// The file was not read.
    #[error("{path} was not read: {why}")]
    Unreadable { path: Text, why: String },
    /// The file is not a profile.
    #[error("{path}:{line}:{column}: {what}")]
    Invalid {
        path: Text,
        line: usize,
        column: usize,
        what: String,
    },
}

impl Hint for ProfileError {
    fn hint(&self) -> Option<String> {
        match self {
            ProfileError::Name(_) => {
                Some("a name is letters, digits, `-`, `_` and `.`, and starts with no dot".into())
            }
            ProfileError::Missing { path, .. } => Some(format!("write it: {path}")),
            ProfileError::Unreadable { .. } => {
                Some("a profile is a small regular file of yours".into())
            }
            ProfileError::Invalid { what, .. } => Some(key_hint(what)),
        }
    }
}

/// The nearest of the keys that the parser says it expects here, or all of them.
fn key_hint(what: &str) -> String {
    let mut quoted = what.split('`').skip(1).step_by(2);
    let unknown = if what.starts_with("unknown field") {
        quoted.next()
    } else {
        None
    };
    let keys: Vec<&str> = quoted.collect();
    match unknown.map(|unknown| nearest(unknown, keys.iter().copied())) {
        Some(Some(key)) => format!("did you mean `{key}`?"),
        Some(None) => format!("what can stand there: {}", keys.join(", ")),
        None => {
            "a profile is strict JSON: no comments, no trailing commas; see docs/profiles.md".into()
        }
    }
}

/// A name that cannot leave the folder of profiles.
#[must_use]
pub fn valid_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && !name.starts_with(['.', '-'])
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// What `file` says; `None` where the one that always applies does not exist.
///
/// # Errors
/// Where it is asked for and missing, unreadable, or not a profile.
pub fn parse(file: &ProfileFile) -> Result<Option<Profile>, ProfileError> {
    let path = file.path.clone();
    if let Some(name) = file.name.as_deref().filter(|name| !valid_name(name)) {
        return Err(ProfileError::Name(name.into()));
    }
    let bytes = match (&file.content, &file.name) {
        (Content::Absent, None) => return Ok(None),
        (Content::Absent, Some(name)) => {
            return Err(ProfileError::Missing {
                name: name.as_str().into(),
                path,
            });
        }
        (Content::Refused(why), _) => {
            return Err(ProfileError::Unreadable {
                path,
                why: why.clone(),
            });
        }
        (Content::Bytes(bytes), _) => bytes,
    };
    let json = bytes.as_encoded_bytes();
    serde_json::from_slice::<Object<Profile>>(json)
        .map(|profile| Some(profile.0))
        .map_err(|error| ProfileError::Invalid {
            path,
            line: error.line(),
            column: error.column(),
            what: without_value(&error),
        })
}

/// The message without its position (we give our own) and without the value that was found (it may be a secret).
fn without_value(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or(&message);
    match message.split_once(", expected ") {
        Some((found, expected)) if found.starts_with("unknown variant ") => {
            format!("unknown value, expected {expected}")
        }
        Some((found, expected)) if found.starts_with("invalid ") => {
            let kind = found
                .split([':', ' '])
                .take(2)
                .collect::<Vec<_>>()
                .join(" ");
            format!("{kind}, expected {expected}")
        }
        _ => crate::text::escape(message.as_ref()),
    }
}

/// The paths that `file` names, for `facts` to look at; none where it does not parse (`config` says so).
#[must_use]
pub fn paths(file: &ProfileFile) -> Vec<Text> {
    let Ok(Some(profile)) = parse(file) else {
        return Vec::new();
    };
    let mounts = profile.mounts.into_iter().map(|mount| mount.0.path);
    mounts
        .chain(profile.path)
        .chain(profile.ssh.0.keys)
        .map(Text::from)
        .collect()
}

/// The private keys that `file` names: each may have a public one beside it.
#[must_use]
pub fn ssh_keys(file: &ProfileFile) -> Vec<Text> {
    let profile = parse(file).ok().flatten().unwrap_or_default();
    let keys = profile.ssh.0.keys.into_iter();
    keys.map(Text::from).collect()
}

/// The patterns that `file` hides by, for `facts` to look for.
#[must_use]
pub fn hide(file: &ProfileFile) -> Vec<Text> {
    let profile = parse(file).ok().flatten().unwrap_or_default();
    profile.hide.into_iter().map(Text::from).collect()
}

/// Whether `file` limits something, so that `facts` looks by what that could be done.
#[must_use]
pub fn limits(file: &ProfileFile) -> bool {
    let profile = parse(file).ok().flatten().unwrap_or_default();
    profile.limits.said().next().is_some()
}

/// The agent that `file` names, for `facts` to look for.
#[must_use]
pub fn agent(file: &ProfileFile) -> Option<Text> {
    parse(file).ok()??.agent.map(|agent| agent.0.command.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(json: &str) -> ProfileFile {
        ProfileFile {
            name: Some("x".into()),
            path: "/p/x.json".into(),
            content: Content::Bytes(json.into()),
        }
    }

    #[test]
    fn a_misspelt_key_is_named_with_its_place_and_the_nearest() {
        let error = parse(&file("{\n  \"netwrok\": \"none\"\n}")).expect_err("an unknown key");
        assert!(
            error
                .to_string()
                .starts_with("/p/x.json:2:11: unknown field `netwrok`"),
            "{error}"
        );
        assert_eq!(error.hint().as_deref(), Some("did you mean `network`?"));
    }

    #[test]
    fn what_is_not_a_profile_is_refused_and_no_value_is_shown() {
        for json in [
            "",
            "null x",
            "[]",
            "{\"set\":{\"A\":\"hunter2\",\"A\":\"b\"}}",
            "{\"network\":\"FULL-hunter2\"}",
            "{\"env\":\"hunter2\"}",
            "{\"env\":[],\"env\":[]}",
            "{\"mounts\":[{\"path\":1}]}",
            "{\"mounts\":[[\"/x\"]]}",
            "{\"ssh\":[true]}",
            "{\"set\":{\"A\":1}}",
            "{} {}",
            "{\"mounts\":[{\"path\":\"/x\",\"mode\":\"RW\"}]}",
        ] {
            let error = parse(&file(json)).expect_err(json);
            assert!(matches!(error, ProfileError::Invalid { .. }), "{json}");
        }
        let error = parse(&file("{\"env\":\"hunter2\"}"))
            .expect_err("a wrong type")
            .to_string();
        assert!(!error.contains("hunter2"), "{error}");
        let deep = "[".repeat(100_000);
        assert!(parse(&file(&deep)).is_err());
    }

    #[test]
    fn names_stay_in_their_folder() {
        for name in ["", "..", "../x", "a/b", ".hidden", "-x", "a\0b", "ä"] {
            assert!(!valid_name(name), "{name:?}");
        }
    }
}
