//! Owns comparing what PID 1 found with what the plan promises. Pure. A difference ends the launch (HARD-05).

use std::fmt;

use super::pins::Pins;
use crate::guard::Guard;
use crate::helper;
use crate::init::Found;
use crate::plan::{Action, Namespace, Plan};
use crate::text::Text;

/// A promise of the plan that does not hold inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The guard that is broken.
    pub guard: Guard,
    /// What was found.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.guard.name(), self.found)
    }
}

/// Whether `found` is what `plan` promises.
///
/// # Errors
/// Every difference.
pub(super) fn judge(plan: &Plan, found: &Found, pins: &Pins) -> Result<(), Vec<Difference>> {
    let mut differences = Vec::new();
    if plan
        .steps
        .iter()
        .any(|step| step.action == Action::PinSources)
    {
        for ((from, at, ..), seen) in plan.binds().zip(
            found
                .identities
                .iter()
                .copied()
                .chain(std::iter::repeat(None)),
        ) {
            if seen.is_none() || seen != pins.identity(from) {
                let found = format!("what is mounted at {at} is not the {from} that was shown");
                differences.push(Difference {
                    guard: Guard::SourcesPinned,
                    found,
                });
            }
        }
    }
    for step in &plan.steps {
        if let Some(found) = difference(&step.action, found) {
            differences.push(Difference {
                guard: step.guard,
                found,
            });
        }
    }
    if differences.is_empty() {
        Ok(())
    } else {
        Err(differences)
    }
}

/// How `action` is seen not to have happened.
fn difference(action: &Action, found: &Found) -> Option<String> {
    match action {
        Action::Unshare {
            namespace: Namespace::Pid,
        } => (found.pid != 1).then(|| format!("PID {}", found.pid)),
        Action::Unshare {
            namespace: Namespace::Network,
        } => (!found.interfaces.is_empty())
            .then(|| format!("network devices {}", found.interfaces.join(", "))),
        Action::OuterNamespaces { .. } => found
            .interfaces
            .iter()
            .any(|name| name != helper::DEVICE)
            .then(|| format!("network devices {}", found.interfaces.join(", "))),
        Action::Carry { device, .. } => (!found.interfaces.contains(device))
            .then(|| format!("there is no network device {device}")),
        Action::BeUser { uid, gid } => (found.user != (*uid, *gid))
            .then(|| format!("uid {}, gid {}", found.user.0, found.user.1)),
        Action::Hostname { name } => {
            (found.hostname != name.as_str()).then(|| format!("hostname {}", found.hostname))
        }
        Action::DropCapabilities => {
            let left =
                found.capabilities.iter().any(|set| *set != 0) || found.capabilities.is_empty();
            left.then(|| format!("capability sets {:x?}", found.capabilities))
        }
        Action::CloseDescriptors => {
            (found.descriptors != [0, 1, 2]).then(|| format!("descriptors {:?}", found.descriptors))
        }
        Action::Tmpfs { at, .. } => mounted(found, at, false, Some("tmpfs")),
        Action::Bind { at, writable, .. } => mounted(found, at, !writable, None),
        Action::RemountReadOnly { at } | Action::Cover { at } | Action::Replace { at, .. } => {
            mounted(found, at, true, None)
        }
        Action::Hide { at, folder } => mounted(found, at, true, folder.then_some("tmpfs")),
        Action::Proc { at } => mounted(found, at, false, Some("proc")),
        Action::NoNewPrivileges => (!found.no_new_privs).then(|| "no_new_privs is not set".into()),
        Action::DisableNestedUserNamespaces => {
            found.nested.then(|| "a user namespace can be made".into())
        }
        Action::ScopeAbstractSockets => (!found.landlock.abstract_sockets)
            .then(|| "Landlock does not scope abstract sockets".into()),
        Action::ScopeSignals => {
            (!found.landlock.signals).then(|| "Landlock does not scope signals".into())
        }
        Action::FenceFiles { .. } => {
            (!found.landlock.files).then(|| "Landlock does not fence files".into())
        }
        Action::FenceDevices { .. } => {
            (!found.landlock.devices).then(|| "Landlock does not fence devices".into())
        }
        Action::OwnProcessGroup => (found.process_group != found.pid)
            .then(|| format!("process group {}", found.process_group)),
        Action::EmptyEnvironment => (!found.environment_is_empty)
            .then(|| "PID 1 was started with variables of the host".into()),
        Action::Deny { .. } => (!found.filtered).then(|| "no seccomp filter is in force".into()),
        Action::Limit { on, most } => {
            let hard = found.limits.iter().find(|(limited, _)| limited == on);
            hard.is_none_or(|(_, hard)| hard > most)
                .then(|| format!("the limit of {} is above {most}", on.name()))
        }
        // Seen in what is judged above, or done by the launcher before PID 1 exists.
        Action::Unshare { .. }
        | Action::LoadFence { .. }
        | Action::HelperOption { .. }
        | Action::FollowNetwork
        | Action::JoinNewKeyring
        | Action::KeepState { .. }
        | Action::ShareLogin { .. }
        | Action::PinSources
        | Action::RestoreTerminal
        | Action::RelayStream { .. }
        | Action::HideArguments
        | Action::DieWithParent
        | Action::Link { .. }
        | Action::File { .. }
        | Action::Copy { .. }
        | Action::Dev { .. }
        | Action::BeUndumpable
        | Action::JoinGroup { .. }
        | Action::NoCoreDumps => None,
    }
}

/// The topmost mount at `at` is there, is read-only where it must be, and is of that type.
fn mounted(found: &Found, at: &Text, read_only: bool, kind: Option<&str>) -> Option<String> {
    let Some(mount) = found.mounts.iter().rev().find(|mount| mount.at == *at) else {
        return Some(format!("nothing is mounted at {at}"));
    };
    if read_only && !mount.read_only {
        return Some(format!("{at} can be written"));
    }
    kind.filter(|kind| mount.kind != *kind)
        .map(|kind| format!("{at} is {}, not {kind}", mount.kind))
}
