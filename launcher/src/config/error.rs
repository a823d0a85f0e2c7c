//! Owns what is refused before anything is planned, in the words that a person reads, and what helps.

use crate::envfile::BadLine;
use crate::hint::{Hint, nearest};
use crate::profile::ProfileError;
use crate::text::Text;

/// Why no sandbox is planned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// RUN-06.
    #[error("{path} cannot be a project: {why}")]
    Project { path: Text, why: String },
    /// The git folder that the project's pointer names.
    #[error("the git folder {path} cannot enter: {why}")]
    GitFolder { path: Text, why: String },
    /// RUN-07.
    #[error("claudebox was started by uid 0")]
    Root,
    /// NET-04.
    #[error("`{value}` is not a network tier ({origin})")]
    Tier { value: Text, origin: String },
    /// A profile.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// An env file that was not read.
    #[error("{path} was not read: {why}")]
    EnvFile { path: Text, why: String },
    /// There is nothing to approve.
    #[error("there is no {profile}, and no {env}")]
    NoProjectFile { profile: Text, env: Text },
    /// A bad line in an env file.
    #[error("{path}: {bad}")]
    EnvLine { path: Text, bad: BadLine },
    /// A file of the project is not approved, and does more than tighten.
    #[error("{path} {}{}", if *.changed { "changed since it was approved" } else { "is new, and nobody approved it" }, asks(.opens))]
    Unapproved {
        path: Text,
        changed: bool,
        /// What it would open, by key of a profile.
        opens: Vec<&'static str>,
    },
    /// A profile of the project was approved, keeps something closed, and is gone.
    #[error("{path} was approved and keeps something closed, and it is gone")]
    Gone { path: Text },
    /// trust.json is broken.
    #[error("{path} is not what claudebox wrote: {why}")]
    Trust { path: Text, why: String },
    /// A name that is no name.
    #[error("`{name}` is not a variable name ({origin})")]
    VariableName { name: Text, origin: String },
    /// A name that may not come from there.
    #[error("`{name}` may not be set by {origin}: {why}")]
    VariableRefused {
        name: Text,
        origin: String,
        why: &'static str,
        hint: &'static str,
    },
    /// A value that execve(2) refuses.
    #[error("the value of `{name}` ({origin}) has {length} bytes; execve(2) takes at most {limit}")]
    VariableTooLong {
        name: Text,
        origin: String,
        length: usize,
        limit: usize,
    },
    /// A path that is not there.
    #[error("{path} ({origin}) is not there")]
    PathMissing { path: Text, origin: String },
    /// A path that cannot be granted.
    #[error("{path} ({origin}) cannot enter: {why}")]
    Grant {
        path: Text,
        origin: String,
        why: String,
        hint: &'static str,
    },
    /// A file that steers claudebox can be written inside.
    #[error("{file} steers claudebox and lies in {folder}, which can be written inside")]
    OwnFile { file: Text, folder: Text },
    /// A limit.
    #[error("the limit `{value}` ({origin}) cannot be had: {why}")]
    Limit {
        value: Text,
        origin: String,
        why: String,
        hint: String,
    },
    /// What is to be opened of the network.
    #[error("`{value}` ({origin}) cannot be opened: {why}")]
    Opening {
        value: Text,
        origin: String,
        why: String,
        hint: String,
    },
    /// A pattern that is none.
    #[error("`{pattern}` ({origin}) is no pattern of what to hide: {why}")]
    HidePattern {
        pattern: Text,
        origin: String,
        why: &'static str,
    },
    /// What is asked to be hidden cannot be.
    #[error("not everything could be hidden: {0}")]
    Hide(String),
    /// A report that cannot be written there.
    #[error("{path} (--report) cannot be written: {why}")]
    Report { path: Text, why: String },
    /// No ssh agent.
    #[error("--with-ssh: {0}")]
    SshAgent(String),
}

fn asks(opens: &[&'static str]) -> String {
    if opens.is_empty() {
        return String::new();
    }
    format!("; it asks for more than you do, by {}", opens.join(", "))
}

impl Hint for ConfigError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            ConfigError::Project { .. } => "start it in a folder that holds one project and nothing else".into(),
            ConfigError::GitFolder { .. } => {
                "look at `.git` in the project, which names it; move the repository to a place of its own".into()
            }
            ConfigError::Root => {
                "start it as an ordinary user, or pass --allow-root (the inside is an ordinary user either way)".into()
            }
            ConfigError::Tier { value, .. } => {
                let tiers = ["none", "inet", "full"];
                let near = value.utf8().and_then(|value| nearest(value, tiers));
                near.map_or_else(|| "the tiers are none, inet and full".into(), |near| {
                    format!("did you mean `{near}`? The tiers are none, inet and full")
                })
            }
            ConfigError::Profile(error) => return error.hint(),
            ConfigError::NoProjectFile { .. } => {
                "write one first: a profile, or KEY=VALUE, a line each (docs/profiles.md, docs/environment.md)".into()
            }
            ConfigError::EnvFile { .. } => "an env file is a small regular file, not a link".into(),
            ConfigError::EnvLine { .. } => "a line is KEY=VALUE, blank, or starts with #".into(),
            ConfigError::Unapproved { .. } => {
                "read it, then approve it: claudebox trust (what runs inside can write this file)".into()
            }
            ConfigError::Gone { .. } => {
                "put it back; if it is meant to be gone: claudebox trust --revoke".into()
            }
            ConfigError::Trust { path, .. } => format!("move {path} away and approve again: claudebox trust"),
            ConfigError::VariableName { .. } => {
                "give one exact name; values stand in ~/.claudebox/env or in a profile, never in arguments".into()
            }
            ConfigError::VariableRefused { hint, .. } => (*hint).into(),
            ConfigError::VariableTooLong { .. } => {
                "put it into a file and show that by --mount".into()
            }
            ConfigError::PathMissing { .. } => {
                "check the spelling; a relative path starts at the current folder".into()
            }
            ConfigError::Grant { hint, .. } => (*hint).into(),
            ConfigError::OwnFile { .. } => {
                "keep what steers claudebox out of what can be written inside".into()
            }
            ConfigError::Limit { hint, .. } | ConfigError::Opening { hint, .. } => hint.clone(),
            ConfigError::HidePattern { .. } => {
                "a name such as `.env*` counts anywhere, `config/*.pem` and `**/keys/` from the project's root".into()
            }
            ConfigError::Hide(_) => {
                "move it out of the project, or start in a smaller folder; of a file with more names make one of its own (cp, then mv)".into()
            }
            ConfigError::Report { .. } => {
                "name a file in a folder that is there, outside of the project and of every grant".into()
            }
            ConfigError::SshAgent(_) => "start one (ssh-agent) and add a key (ssh-add), then try again".into(),
        })
    }
}
