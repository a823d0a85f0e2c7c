//! Owns what can be wrong with an instance, and what helps.

use std::io;

use crate::hint::Hint;
use crate::text::Text;

/// Why an instance cannot be used, listed or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstanceError {
    /// The kernel refuses.
    #[error("cannot {what} {path}")]
    Act {
        what: &'static str,
        path: Text,
        source: io::Error,
    },
    /// Something else lies there.
    #[error("{path} is {what}")]
    Odd { path: Text, what: String },
    /// Somebody else's, or others may write it.
    #[error("{path} {why}")]
    Open {
        path: Text,
        why: String,
        hint: String,
    },
    /// The instance names another project.
    #[error("{path} names {named}, and not this project ({root})")]
    OtherRoot { path: Text, named: Text, root: Text },
    /// What should be a place of a mount is something else, while a session runs.
    #[error("{path} is {what}, and another session of this project runs")]
    InUse { path: Text, what: String },
    /// The lock is held for long.
    #[error("{path} is held by another claudebox")]
    Busy { path: Text },
    /// A session runs.
    #[error("a session of this project runs")]
    Live,
    /// Something is mounted in it.
    #[error("something is mounted at {at}")]
    Mounted { at: Text },
}

impl Hint for InstanceError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            InstanceError::Act { source, .. } if crate::remedy::limit(source).is_some() => {
                return crate::remedy::limit(source);
            }
            InstanceError::Act { path, source, .. } => match source.raw_os_error() {
                Some(nix::libc::ENOSPC | nix::libc::EDQUOT) => {
                    "make room there, or set CLAUDEBOX_HOME to a folder elsewhere".into()
                }
                Some(nix::libc::ELOOP | nix::libc::ENOTDIR) => {
                    format!(
                        "a link or no folder is on the way to {path}: move it away, or set CLAUDEBOX_HOME"
                    )
                }
                _ => format!(
                    "make {path} and the folder around it writable for you, or set CLAUDEBOX_HOME to a folder that is"
                ),
            },
            InstanceError::Odd { path, .. } => {
                format!("look at it, then move it away: mv {path} {path}.old")
            }
            InstanceError::Open { hint, .. } => hint.clone(),
            InstanceError::OtherRoot { path, .. } => {
                let folder = path.path().parent().map(Text::from).unwrap_or_default();
                format!("somebody changed it; move the folder away: mv {folder} {folder}.old")
            }
            InstanceError::InUse { path, .. } => {
                format!("end the other sessions of this project; then {path} is put aside")
            }
            InstanceError::Busy { .. } => "wait until that claudebox gc or reset is over".into(),
            InstanceError::Live => {
                "end the session, then try again; claudebox instances shows what runs".into()
            }
            InstanceError::Mounted { at } => format!("take it away first: umount {at}"),
        })
    }
}
