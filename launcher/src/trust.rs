//! Owns which content of a project's own files a person has approved (TRUST-A): root, file, SHA-256 and what it said, in `trust.json`.
//!
//! The agent can write the project, so what steers the next launch from there counts only byte for byte as approved. What it said
//! is kept so that a change can be shown: of variables the names, and no value.

mod said;

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use self::said::{Change, Said, difference, of_env, of_profile};
use crate::text::Text;

/// The project's env file.
pub const ENV_FILE: &str = ".claudebox.env";

/// The project's profile.
pub const PROFILE: &str = ".claudebox.json";

/// The largest `trust.json`, in bytes: some thousand projects.
pub const LIMIT: u64 = 16 * 1024 * 1024;

/// The largest profile of a project, in bytes.
pub const PROFILE_LIMIT: u64 = 64 * 1024;

/// Of a file that says more than this, in bytes, only the hash is kept.
const KEPT: usize = 64 * 1024;

/// Approved contents: project root, then file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// The shape of this file.
    version: Version,
    approved: BTreeMap<Text, BTreeMap<String, Approval>>,
}

/// The first knew hashes alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Version {
    #[serde(rename = "1")]
    One,
    #[default]
    #[serde(rename = "2")]
    Two,
}

/// What was approved of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Approval {
    /// Of its bytes.
    sha256: String,
    /// What it said; `None` where that was not kept.
    said: Option<Vec<Said>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Hash(String),
    Full(Full),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Full {
    sha256: String,
    said: Option<Vec<Said>>,
}

impl From<Stored> for Approval {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Hash(sha256) => Approval { sha256, said: None },
            Stored::Full(Full { sha256, said }) => Approval { sha256, said },
        }
    }
}

impl Approval {
    /// Of this content.
    #[must_use]
    pub fn of(content: &Text, said: Vec<Said>) -> Self {
        let long = said.iter().map(Said::len).sum::<usize>() > KEPT;
        Self {
            sha256: digest(content.as_bytes()),
            said: (!long).then_some(said),
        }
    }

    /// What it said, where that was kept.
    #[must_use]
    pub fn said(&self) -> Option<&[Said]> {
        self.said.as_deref()
    }

    /// The SHA-256 of what was approved.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Whether a launch is narrower for it, or may be. Without the file it would not be.
    #[must_use]
    pub fn narrows(&self) -> bool {
        let narrows = |said: &Said| {
            ["network", "hide", "limits"]
                .contains(&said.key().split('.').next().unwrap_or_default())
        };
        self.said
            .as_ref()
            .is_none_or(|said| said.iter().any(narrows))
    }
}

impl Trust {
    /// Reads `trust.json`.
    ///
    /// # Errors
    /// Where it is not what [`Trust::to_json`] writes.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// Reads what is stored; nothing was approved where there is no file.
    ///
    /// # Errors
    /// As [`Trust::parse`].
    pub fn read(json: Option<&[u8]>) -> Result<Self, serde_json::Error> {
        json.map_or_else(|| Ok(Self::default()), serde_json::from_slice)
    }

    /// As it is stored.
    ///
    /// # Panics
    /// Never: every key is text.
    #[must_use]
    pub fn to_json(&self) -> String {
        let stored = Self {
            version: Version::Two,
            approved: self.approved.clone(),
        };
        serde_json::to_string_pretty(&stored).expect("maps of text always serialise") + "\n"
    }

    /// Whether `content` of `file` in the project at `root` was approved.
    #[must_use]
    pub fn approves(&self, root: &Text, file: &str, content: &Text) -> bool {
        self.approval(root, file)
            .is_some_and(|approval| approval.sha256 == digest(content.as_bytes()))
    }

    /// What was approved of it, the present content or another.
    #[must_use]
    pub fn approval(&self, root: &Text, file: &str) -> Option<&Approval> {
        self.approved.get(root)?.get(file)
    }

    /// Approves a content of `file` in the project at `root`, in place of what was approved before.
    pub fn approve(&mut self, root: &Text, file: &str, approval: Approval) {
        self.approved
            .entry(root.clone())
            .or_default()
            .insert(file.into(), approval);
    }

    /// Takes back what was approved in the project at `root`; the files.
    pub fn revoke(&mut self, root: &Text) -> Vec<String> {
        let files = self.approved.remove(root).unwrap_or_default();
        files.into_keys().collect()
    }

    /// Everything that was approved: root, file, what.
    pub fn all(&self) -> impl Iterator<Item = (&Text, &str, &Approval)> {
        self.approved.iter().flat_map(|(root, files)| {
            let files = files.iter();
            files.map(move |(file, approval)| (root, file.as_str(), approval))
        })
    }
}

fn digest(content: &[u8]) -> String {
    Sha256::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approval(content: &str) -> Approval {
        let content = content.into();
        let said = of_env(&content).expect("a good file");
        Approval::of(&content, said)
    }

    #[test]
    fn one_changed_byte_or_another_project_is_not_approved() {
        let mut trust = Trust::default();
        trust.approve(&"/p".into(), ENV_FILE, approval("A=1\n"));
        let mut trust = Trust::parse(&trust.to_json()).expect("it reads what it writes");
        assert!(trust.approves(&"/p".into(), ENV_FILE, &"A=1\n".into()));
        assert!(!trust.approves(&"/p".into(), ENV_FILE, &"A=2\n".into()));
        assert!(!trust.approves(&"/p".into(), PROFILE, &"A=1\n".into()));
        assert!(!trust.approves(&"/q".into(), ENV_FILE, &"A=1\n".into()));
        assert_eq!(trust.revoke(&"/p".into()), [ENV_FILE]);
        assert!(!trust.approves(&"/p".into(), ENV_FILE, &"A=1\n".into()));
        assert!(trust.revoke(&"/p".into()).is_empty());
    }

    #[test]
    fn what_an_earlier_version_wrote_still_counts() {
        let sha256 = digest(b"A=1\n");
        let json =
            format!(r#"{{"version":"1","approved":{{"/p":{{".claudebox.env":"{sha256}"}}}}}}"#);
        let trust = Trust::parse(&json).expect("the first shape");
        assert!(trust.approves(&"/p".into(), ENV_FILE, &"A=1\n".into()));
        let approval = trust.approval(&"/p".into(), ENV_FILE).expect("it is there");
        assert!(approval.said().is_none() && approval.narrows());
        assert!(trust.to_json().contains("\"version\": \"2\""));
        for json in [
            "",
            "{}",
            r#"{"version":"3","approved":{}}"#,
            r#"{"version":"2","approved":{"/p":{".claudebox.env":{"sha256":"x","said":null,"more":1}}}}"#,
        ] {
            assert!(Trust::parse(json).is_err(), "{json}");
        }
    }

    #[test]
    fn no_value_is_kept_and_a_large_file_is_its_hash() {
        let mut trust = Trust::default();
        trust.approve(&"/p".into(), ENV_FILE, approval("TOKEN=hunter2\n"));
        assert!(trust.to_json().contains("TOKEN") && !trust.to_json().contains("hunter2"));
        let many: String = (0..4000).map(|n| format!("NAME_{n}=1\n")).collect();
        let large = approval(&many);
        assert!(large.said().is_none() && large.sha256() == digest(many.as_bytes()));
    }
}
