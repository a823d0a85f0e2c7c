//! Owns what a launch can fail by: what was tried, and what helps.

use std::io;

use nix::sys::signal::Signal;

use crate::hint::Hint;
use crate::instance::InstanceError;
use crate::text::Text;

/// Why the command did not start, or was ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// A descriptor, a socket, a memory file.
    #[error("cannot {what}")]
    Prepare {
        what: &'static str,
        source: io::Error,
    },
    /// What is to be mounted is gone, or is a link now.
    #[error("{path} is not what it was when the plan was made")]
    Source { path: Text, source: io::Error },
    /// The state of the project.
    #[error("the state of this project cannot be used")]
    State(#[source] InstanceError),
    /// bwrap did not start.
    #[error("cannot run {program}")]
    Start { program: Text, source: io::Error },
    /// bwrap gave up, in its own words.
    #[error("bubblewrap could not make the sandbox: {said}")]
    Bwrap { said: String, hint: Option<String> },
    /// bwrap or PID 1 hangs.
    #[error("{program} made no sandbox within {limit} s and was ended{said}")]
    Hangs {
        program: Text,
        limit: u64,
        /// What bwrap said till then, as the end of the sentence.
        said: String,
        hint: Option<String>,
    },
    /// PID 1 failed.
    #[error("PID 1 inside failed: {why}")]
    Init { why: String, hint: Option<String> },
    /// The outer stage failed.
    #[error("the network tier `inet` could not be made: {why}")]
    Fence { why: String, hint: Option<String> },
    /// The helper ended before the command started.
    #[error("{program} set up no network ({status}){said}")]
    Helper {
        program: Text,
        status: String,
        said: String,
    },
    /// The session keyring of the caller cannot be left.
    #[error("cannot join a new session keyring, keyctl(2)")]
    Keyring { source: io::Error, hint: String },
    /// The kernel, or a filter before it, has no openat2.
    #[error("cannot hold what is to be mounted, openat2(2)")]
    NoHold { source: io::Error },
    /// The control group that was asked for.
    #[error("the limits that were asked for cannot be had: {why}")]
    Group { why: String },
    /// Inside is not what the plan promises (HARD-05).
    #[error("the sandbox is not what was planned: {0}")]
    Different(String),
    /// The caller's file did not take what the command wrote.
    #[error("what the command wrote could not be passed on")]
    Relay(#[source] io::Error),
    /// A signal came before the command was there to take it.
    #[error("ended by {0} before anything was started")]
    Interrupted(Signal),
    /// A signal came while the last of the output waited to be read.
    #[error("ended by {0} with output that nobody read")]
    Unread(Signal),
    /// A source of a mount was replaced after it was shown.
    #[error("nothing was started: {0}")]
    Swapped(String),
    /// The command was not found, or cannot be executed.
    #[error("{why}")]
    Command { status: u8, why: String },
}

impl LaunchError {
    /// The exit status that belongs to it (RUN-03).
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            LaunchError::Command { status, .. } => *status,
            LaunchError::Interrupted(signal) | LaunchError::Unread(signal) => 128 + *signal as u8,
            _ => 125,
        }
    }
}

impl Hint for LaunchError {
    fn hint(&self) -> Option<String> {
        match self {
            LaunchError::State(error) => error.hint(),
            LaunchError::Bwrap { hint, .. } => hint.clone(),
            LaunchError::Init { hint: Some(hint), .. }
            | LaunchError::Hangs { hint: Some(hint), .. }
            | LaunchError::Keyring { hint, .. } => {
                Some(hint.clone())
            }
            LaunchError::NoHold { .. } => Some(
                "use Linux 5.6 or later; in a container whose seccomp filter refuses it, start that with --security-opt \
                 seccomp=unconfined"
                    .into(),
            ),
            LaunchError::Start { source, .. } | LaunchError::Prepare { source, .. }
                if crate::remedy::limit(source).is_some() =>
            {
                crate::remedy::limit(source)
            }
            LaunchError::Hangs { .. } | LaunchError::Init { .. } | LaunchError::Start { .. } => {
                Some("claudebox check tells what of this host is in the way".into())
            }
            LaunchError::Fence { hint: Some(hint), .. } => Some(hint.clone()),
            LaunchError::Fence { .. } | LaunchError::Helper { .. } => Some(
                "claudebox check tells what of this host is in the way; --network none or full starts without it".into(),
            ),
            LaunchError::Different(_) => Some("nothing was started; please report this with `claudebox plan --json`".into()),
            LaunchError::Command { status: 127, .. } => {
                Some("only what lies in the project, in /usr or in the Nix store exists inside; --mount PATH shows more".into())
            }
            LaunchError::Source { .. } | LaunchError::Swapped(_) => {
                Some("somebody changes it at this moment; look at it, then start again".into())
            }
            LaunchError::Command { .. } => {
                Some("make it executable (chmod +x), or start it by its interpreter".into())
            }
            LaunchError::Group { .. } => Some(
                "systemctl --user status tells whether your systemd runs; which controllers it has: systemctl show user@UID.service \
                 -p DelegateControllers. Without --limit memory and cpu nothing of this is needed"
                    .into(),
            ),
            LaunchError::Relay(_) => Some("make room where the output goes, then run it again".into()),
            LaunchError::Unread(_) => Some("read what the output is connected to".into()),
            LaunchError::Interrupted(_) | LaunchError::Prepare { .. } => None,
        }
    }
}
