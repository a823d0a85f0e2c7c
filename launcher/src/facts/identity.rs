//! Owns who the user is to git: the name and address of the user's own configuration, which is parsed and never run.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Content, own_files, variable};
use crate::text::Text;

/// The name and address that commits carry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitIdentity {
    /// `user.name`
    pub name: Option<String>,
    /// `user.email`
    pub email: Option<String>,
}

impl GitIdentity {
    /// The user's own configurations. git reads the XDG file first; ~/.gitconfig wins (git-config(1), FILES).
    pub(super) fn files(home: &Text, environment: &[(Text, Text)]) -> [Text; 2] {
        let xdg =
            variable(environment, "XDG_CONFIG_HOME").filter(|folder| folder.path().is_absolute());
        let xdg = xdg.cloned().unwrap_or_else(|| home.join(".config"));
        [xdg.join("git/config"), home.join(".gitconfig")]
    }

    /// Parses them. git itself is never run.
    pub(super) fn read(home: &Text, files: &[Text]) -> Self {
        let mut identity = Self::default();
        for file in files {
            crate::gitconfig::apply(&mut identity, file.path(), home.path(), |path| {
                git_file(&own_files::following(path))
            });
        }
        identity
    }
}

/// A configuration of git's, where it can be read.
pub(super) fn git_file(path: &Path) -> Option<String> {
    match Content::read(path) {
        Content::Bytes(bytes) => bytes.utf8().map(str::to_owned),
        Content::Absent | Content::Refused(_) => None,
    }
}
