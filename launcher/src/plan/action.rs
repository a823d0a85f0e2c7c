//! Owns what a step does: the vocabulary of a plan, and how it reads. Who carries an action out is noted with it: the launcher
//! before bwrap, bwrap, or the init stage inside.

use std::fmt;
use std::net::IpAddr;

use serde::{Serialize, Serializer};

use crate::denied::{Denied, Rule};
use crate::fence::Fence;
use crate::group::{GroupLimit, Way};
use crate::helper::{Families, Kind};
use crate::init::Place;
use crate::instance::Keep;
use crate::limit::Limited;
use crate::login::Share;
use crate::text::Text;

/// Kinds of namespaces that are made (namespaces(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Namespace {
    /// mount_namespaces(7)
    Mount,
    /// user_namespaces(7)
    User,
    /// pid_namespaces(7)
    Pid,
    /// ipc_namespaces(7)
    Ipc,
    /// uts_namespaces(7)
    Uts,
    /// cgroup_namespaces(7)
    Cgroup,
    /// network_namespaces(7)
    Network,
}

/// What a step does. Who carries it out is noted: the launcher before bwrap, bwrap, or the init stage inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Action {
    /// launcher: closes every descriptor but 0, 1, 2 that it was started with.
    CloseDescriptors,
    /// launcher: joins a new session keyring.
    JoinNewKeyring,
    /// launcher: gives terminal and streams back as it found them.
    RestoreTerminal,
    /// launcher: puts a pipe between a stream of the caller and the inside.
    RelayStream { descriptor: usize },
    /// launcher: starts bwrap in a process group of its own; init does the same for the command.
    OwnProcessGroup,
    /// launcher: starts bwrap with an empty environment; init starts the command with the plan's.
    EmptyEnvironment,
    /// launcher: hands bwrap its arguments over a descriptor.
    HideArguments,
    /// launcher: makes the state of the project where it is missing, and holds its lock (flock(2)).
    KeepState {
        #[serde(flatten)]
        keep: Box<Keep>,
    },
    /// launcher: keeps the login of the session in step with the one outside, for as long as the session runs.
    ShareLogin {
        #[serde(flatten)]
        share: Box<Share>,
    },
    /// bwrap: a namespace.
    Unshare { namespace: Namespace },
    /// outer stage: a user and a network namespace around those of bwrap; who it is in them.
    OuterNamespaces { uid: u32, gid: u32, launcher: Text },
    /// outer stage: loads the fence with nft(8) before there is a device, and reads it back.
    LoadFence {
        nft: Text,
        #[serde(flatten)]
        fence: Fence,
    },
    /// launcher: starts the helper that carries packets for the device, once the fence stands.
    Carry {
        helper: Kind,
        program: Text,
        device: String,
        families: Families,
        /// Where names are resolved; nowhere where the host has no resolver.
        forwarder: Option<IpAddr>,
    },
    /// launcher: an option of the helper.
    HelperOption { words: Vec<Text> },
    /// launcher: loads the fence anew when addresses or routes of the host change (rtnetlink(7)).
    FollowNetwork,
    /// bwrap: no capability in any set.
    DropCapabilities,
    /// bwrap: set-user-ID programs give nothing; bwrap always asks for it.
    NoNewPrivileges,
    /// bwrap: user namespaces cannot be made inside.
    DisableNestedUserNamespaces,
    /// bwrap: everything ends when the launcher does.
    DieWithParent,
    /// bwrap: who the inside is.
    BeUser { uid: u32, gid: u32 },
    /// bwrap: the name of the host inside.
    Hostname { name: String },
    /// bwrap: an empty tmpfs.
    Tmpfs {
        at: Text,
        bytes: u64,
        #[serde(serialize_with = "octal")]
        mode: u32,
    },
    /// bwrap: a bind mount of the host.
    Bind {
        from: Text,
        at: Text,
        writable: bool,
    },
    /// bwrap: a symbolic link.
    Link { at: Text, to: Text },
    /// bwrap: a file with this content.
    File { at: Text, content: Text },
    /// bwrap: a read-only executable file, copied from a descriptor of the host that was opened before.
    Copy { at: Text, from: Text },
    /// bwrap: an empty file or folder without any mode bit, read-only, over one that is there.
    Hide { at: Text, folder: bool },
    /// bwrap: a read-only file with this content over one that is there. The content is not printed.
    Replace {
        at: Text,
        #[serde(skip)]
        content: Text,
    },
    /// bwrap: a new procfs.
    Proc { at: Text },
    /// bwrap: the few devices that every program needs.
    Dev { at: Text },
    /// bwrap: puts /dev/null, which cannot be opened there, over a file.
    Cover { at: Text },
    /// bwrap: makes a mount read-only.
    RemountReadOnly { at: Text },
    /// launcher: holds the source of every bind mount; init and launcher compare it with what is mounted.
    PinSources,
    /// init: refuses a group of system calls. The rules are those of the group on this architecture, and are not serialised.
    Deny {
        calls: Denied,
        #[serde(skip)]
        rules: Vec<Rule>,
    },
    /// init: takes abstract sockets outside out of reach.
    ScopeAbstractSockets,
    /// init: takes processes outside out of reach of signals.
    ScopeSignals,
    /// init: refuses every file but what lies at these places, by the rights of this Landlock ABI.
    FenceFiles { abi: u8, places: Vec<Place> },
    /// init: refuses ioctl(2) on every device that is opened inside, but beneath these places.
    FenceDevices { terminals: Vec<Text> },
    /// init: takes itself out of reach of ptrace(2).
    BeUndumpable,
    /// init: no core dumps.
    NoCoreDumps,
    /// init: no more of this, for a process or for all of them.
    Limit { on: Limited, most: u64 },
    /// launcher: puts bwrap into a control group of its own before it starts, and sees that these limits are in force there.
    JoinGroup {
        limits: Vec<GroupLimit>,
        way: Way,
        hierarchy: Text,
    },
}

/// As one line for people; the content of a file is left out.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = serde_json::to_value(self).map_err(|_| fmt::Error)?;
        f.write_str(name["do"].as_str().unwrap_or_default())?;
        match self {
            Action::Unshare { namespace } => write!(f, " {namespace:?}"),
            Action::RelayStream { descriptor } => write!(f, " {descriptor}"),
            Action::LoadFence { fence, .. } => {
                let denied = fence.denied.v4().len() + fence.denied.v6().len();
                let open = fence.exceptions.len();
                write!(f, " {denied} ranges denied, {open} exceptions")
            }
            Action::Carry {
                program, device, ..
            } => write!(f, " {program}, {device}"),
            Action::HelperOption { words } => {
                words.iter().try_for_each(|word| write!(f, " {word}"))
            }
            Action::OuterNamespaces { uid, gid, .. } | Action::BeUser { uid, gid } => {
                write!(f, " {uid}:{gid}")
            }
            Action::KeepState { keep } => write!(f, " {}", keep.folder()),
            Action::ShareLogin { share } => write!(f, " {}", share.at),
            Action::Hostname { name } => write!(f, " {name}"),
            Action::Tmpfs { at, bytes, mode } => {
                write!(f, " {at}, {} MiB, {mode:04o}", bytes / 1024 / 1024)
            }
            Action::Bind { from, at, writable } => {
                let mode = if *writable { "read-write" } else { "read-only" };
                if from == at {
                    write!(f, " {at}, {mode}")
                } else {
                    write!(f, " {at}, {mode}, from {from}")
                }
            }
            Action::Link { at, to } => write!(f, " {at} -> {to}"),
            Action::Copy { at, from } => write!(f, " {at}, from {from}"),
            Action::File { at, .. }
            | Action::Cover { at }
            | Action::Hide { at, .. }
            | Action::Replace { at, .. }
            | Action::Proc { at }
            | Action::Dev { at }
            | Action::RemountReadOnly { at } => write!(f, " {at}"),
            Action::Limit { on, most } => write!(f, " {} {most}", on.name()),
            Action::JoinGroup { limits, way, .. } => {
                for limit in limits {
                    write!(f, " {} {},", limit.on.name(), limit.on.shown(limit.most))?;
                }
                match way {
                    Way::Scope { .. } => f.write_str(" a scope of systemd"),
                    Way::Child { parent } => write!(f, " in {parent}"),
                }
            }
            Action::Deny { calls, .. } => write!(f, " {calls:?}"),
            Action::FenceFiles { abi, places } => {
                write!(f, " to {} places, Landlock ABI {abi}", places.len())
            }
            Action::CloseDescriptors
            | Action::PinSources
            | Action::JoinNewKeyring
            | Action::RestoreTerminal
            | Action::OwnProcessGroup
            | Action::EmptyEnvironment
            | Action::HideArguments
            | Action::FollowNetwork
            | Action::DropCapabilities
            | Action::NoNewPrivileges
            | Action::DisableNestedUserNamespaces
            | Action::DieWithParent
            | Action::ScopeAbstractSockets
            | Action::ScopeSignals
            | Action::FenceDevices { .. }
            | Action::BeUndumpable
            | Action::NoCoreDumps => Ok(()),
        }
    }
}

/// Modes are read in octal.
fn octal<S: Serializer>(mode: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format!("{mode:04o}"))
}

impl Action {
    /// Where it changes the file system, if it does.
    #[must_use]
    pub fn place(&self) -> Option<&Text> {
        match self {
            Action::Tmpfs { at, .. }
            | Action::Bind { at, .. }
            | Action::Link { at, .. }
            | Action::File { at, .. }
            | Action::Copy { at, .. }
            | Action::Cover { at }
            | Action::Hide { at, .. }
            | Action::Replace { at, .. }
            | Action::Proc { at }
            | Action::Dev { at } => Some(at),
            _ => None,
        }
    }
}
