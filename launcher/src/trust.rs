//! Owns which content of a project's own files a person has approved (TRUST-A): root, file and SHA-256 in `trust.json`.
//!
//! The agent can write the project, so what steers the next launch from there counts only byte for byte as approved.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::text::Text;

/// Approved contents: project root, then file, then the hash of what was approved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// The shape of this file.
    version: Version,
    approved: BTreeMap<Text, BTreeMap<String, String>>,
}

/// The one version there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Version {
    #[default]
    #[serde(rename = "1")]
    One,
}

impl Trust {
    /// Reads `trust.json`.
    ///
    /// # Errors
    /// Where it is not what [`Trust::to_json`] writes.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// As it is stored.
    ///
    /// # Panics
    /// Never: every key is text.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("maps of text always serialise") + "\n"
    }

    /// Whether `content` of `file` in the project at `root` was approved.
    #[must_use]
    pub fn approves(&self, root: &Text, file: &str, content: &Text) -> bool {
        self.approved
            .get(root)
            .and_then(|files| files.get(file))
            .is_some_and(|hash| *hash == digest(content))
    }

    /// Whether some other content of it was approved before.
    #[must_use]
    pub fn knows(&self, root: &Text, file: &str) -> bool {
        self.approved
            .get(root)
            .is_some_and(|files| files.contains_key(file))
    }

    /// Approves `content` of `file` in the project at `root`, in place of what was approved before.
    pub fn approve(&mut self, root: &Text, file: &str, content: &Text) {
        self.approved
            .entry(root.clone())
            .or_default()
            .insert(file.into(), digest(content));
    }
}

fn digest(content: &Text) -> String {
    Sha256::digest(content.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_changed_byte_or_another_project_is_not_approved() {
        let mut trust = Trust::default();
        trust.approve(&"/p".into(), ".claudebox.env", &"A=1\n".into());
        let trust = Trust::parse(&trust.to_json()).expect("it reads what it writes");
        assert!(trust.approves(&"/p".into(), ".claudebox.env", &"A=1\n".into()));
        assert!(!trust.approves(&"/p".into(), ".claudebox.env", &"A=2\n".into()));
        assert!(!trust.approves(&"/q".into(), ".claudebox.env", &"A=1\n".into()));
    }
}
