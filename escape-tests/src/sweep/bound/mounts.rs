//! Owns the mounts that a plan makes, each with what bwrap's way of mounting adds (bwrap(1), bind-mount.c): nosuid on all,
//! nodev on all but devices, and whatever flags the host's mount had.

use std::path::Path;

use claudebox::text::Text;

use super::devices::DEVICES;
use super::printed::{Does, Printed};
use super::{Allowed, Bound};
use crate::sweep::host::Host;
use crate::sweep::mounts::{Mount, below};

/// Started by uid 0, bwrap binds these read-only where it could write to them: not by the plan, and no loss.
const BOUND_BY_ITSELF: [&str; 4] = ["/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus"];

/// A mount of a plan.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) mount: Mount,
    /// Whether it is bound from the host: then its device and root are those of the host.
    bound: bool,
    /// The size that the plan gives it.
    bytes: Option<u64>,
    /// Whether it may be missing.
    optional: bool,
}

impl Made {
    fn fresh(at: &Text, kind: &str, flags: &[&str]) -> Self {
        Self {
            mount: Mount {
                at: at.clone(),
                ..Mount::new("", "/", "", kind, flags)
            },
            bound: false,
            bytes: None,
            optional: false,
        }
    }
}

/// The mounts, in order.
pub(super) fn made(plan: &Printed, host: &Host) -> Result<Vec<Made>, String> {
    // bwrap gives the root no size; nothing can be written there.
    let mut made = vec![Made::fresh(&"/".into(), "tmpfs", &["nosuid", "nodev"])];
    for does in plan.does() {
        match does {
            Does::Tmpfs { at, bytes, .. } => made.push(Made {
                bytes: Some(*bytes),
                ..Made::fresh(at, "tmpfs", &["nosuid", "nodev"])
            }),
            Does::Proc { at } => {
                made.push(Made::fresh(at, "proc", &["nosuid", "nodev", "noexec"]));
                for path in BOUND_BY_ITSELF.iter().filter(|_| host.uid == 0) {
                    let flags = ["ro", "nosuid", "nodev", "noexec"];
                    made.push(Made {
                        optional: true,
                        ..Made::fresh(&(*path).into(), "proc", &flags)
                    });
                }
            }
            Does::Dev { at } => {
                made.push(Made::fresh(at, "tmpfs", &["nosuid", "nodev"]));
                for (name, _) in DEVICES {
                    let from = Text::from(format!("/dev/{name}"));
                    made.extend(bound(host, &from, &at.join(name), &["nosuid"])?);
                }
                made.push(Made::fresh(
                    &at.join("pts"),
                    "devpts",
                    &["nosuid", "noexec"],
                ));
            }
            Does::Bind { from, at, writable } => {
                let flags: &[&str] = if *writable {
                    &["nosuid", "nodev"]
                } else {
                    &["ro", "nosuid", "nodev"]
                };
                made.extend(bound(host, from, at, flags)?);
            }
            // A file of the sandbox's own, bound over itself.
            Does::Copy { at } | Does::Replace { at } => {
                made.push(Made::fresh(at, "tmpfs", &["ro", "nosuid", "nodev"]))
            }
            Does::Cover { at } => {
                made.extend(bound(
                    host,
                    &"/dev/null".into(),
                    at,
                    &["ro", "nosuid", "nodev"],
                )?);
            }
            // Empty, and nobody's to open.
            Does::Hide { at, .. } => {
                made.push(Made::fresh(at, "tmpfs", &["ro", "nosuid", "nodev"]));
            }
            Does::RemountReadOnly { at } => {
                let mount = made.iter_mut().rev().find(|made| made.mount.at == *at);
                let mount = mount.ok_or_else(|| format!("nothing is mounted at {at}"))?;
                mount.mount = mount.mount.with(&["ro"]);
            }
            Does::CloseDescriptors
            | Does::JoinNewKeyring
            | Does::RestoreTerminal
            | Does::RelayStream { .. }
            | Does::OwnProcessGroup
            | Does::EmptyEnvironment
            | Does::HideArguments
            | Does::KeepState
            | Does::ShareLogin
            | Does::Unshare { .. }
            | Does::DropCapabilities
            | Does::NoNewPrivileges
            | Does::DisableNestedUserNamespaces
            | Does::DieWithParent
            | Does::BeUser { .. }
            | Does::Hostname { .. }
            | Does::Link { .. }
            | Does::File { .. }
            | Does::PinSources
            | Does::Deny { .. }
            | Does::ScopeAbstractSockets
            | Does::ScopeSignals
            | Does::FenceFiles
            | Does::FenceDevices
            | Does::BeUndumpable
            | Does::NoCoreDumps
            | Does::Limit { .. }
            | Does::JoinGroup => {}
        }
    }
    Ok(made)
}

/// What of the host is mounted with `from`: the mount below it, and those beneath, which bwrap takes along.
fn bound(host: &Host, from: &Text, at: &Text, flags: &[&str]) -> Result<Vec<Made>, String> {
    let on = below(&host.mounts, from.path());
    let on = on.ok_or_else(|| format!("{from} lies on no mount of the host"))?;
    let rest = from
        .path()
        .strip_prefix(on.at.path())
        .unwrap_or(Path::new(""));
    let of = |mount: &Mount, root: Text, at: Text| Made {
        mount: Mount {
            at,
            root,
            ..mount.with(flags)
        },
        bound: true,
        bytes: None,
        optional: false,
    };
    let mut made = vec![of(on, joined(&on.root, rest), at.clone())];
    for mount in &host.mounts {
        match mount.at.path().strip_prefix(from.path()) {
            Ok(rest) if rest != Path::new("") => {
                made.push(of(mount, mount.root.clone(), joined(at, rest)));
            }
            _ => {}
        }
    }
    Ok(made)
}

fn joined(path: &Text, rest: &Path) -> Text {
    if rest == Path::new("") {
        path.clone()
    } else {
        path.join(rest)
    }
}

/// The mount that `path` lies on can not be written.
pub(super) fn read_only(made: &[Made], path: &Path) -> bool {
    let mounts: Vec<Mount> = made.iter().map(|made| made.mount.clone()).collect();
    below(&mounts, path).is_none_or(|mount| mount.has("ro"))
}

pub(super) fn add(bound: &mut Bound, made: &[Made], host: &Host) {
    let known: Vec<String> = host
        .mounts
        .iter()
        .map(|mount| mount.device.clone())
        .collect();
    for one in made {
        let Mount {
            at,
            root,
            device,
            kind,
            ..
        } = &one.mount;
        let source = if one.bound {
            Allowed::Is(format!("{device} {root}"))
        } else {
            Allowed::Fresh(known.clone())
        };
        let shown = Allowed::Is(format!("{kind} {}", one.mount.flags()));
        let mut facts = vec![("mount", shown), ("source of", source)];
        if kind == "tmpfs" {
            facts.push(("size of", one.bytes.map_or(Allowed::Any, Allowed::is)));
        }
        for (what, allowed) in facts {
            let allowed = if one.optional {
                allowed.maybe()
            } else {
                allowed
            };
            bound.allow(format!("{what} {at}"), allowed);
        }
    }
}
