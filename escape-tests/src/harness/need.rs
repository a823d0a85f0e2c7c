//! Owns what a probe may need of the host, which not every host has. The only source of skips.

use std::fs;

use claudebox::facts::{Parts, User};

/// Something that not every host has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Landlock's scopes (ABI 6, Linux 6.12).
    LandlockScopes,
    /// Landlock's fence, devices among it (ABI 5, Linux 6.10).
    LandlockFence,
    /// Session keyrings.
    Keyrings,
    /// Core files are written by the kernel into the working folder, not piped to a handler.
    CoreFiles,
    /// The pinned Claude Code.
    ClaudeCode,
    /// The lab of networks, which root alone can make.
    NetworkLab,
    /// A control group that limits memory, for who starts the launcher: by a systemd of their own, or delegated (cgroups(7)).
    ControlGroup,
}

impl Need {
    /// Whether it is not there, and the host never promised it: to others than root a lab of networks, and to anybody a control group
    /// where no systemd runs.
    #[must_use]
    pub fn is_not_promised(self) -> bool {
        match self {
            Need::NetworkLab => !crate::is_root(),
            Need::ControlGroup => self.missing().is_some(),
            _ => false,
        }
    }

    /// Why this host does not have it; `None` where it does.
    #[must_use]
    pub fn missing(self) -> Option<String> {
        match self {
            Need::LandlockScopes => {
                use landlock::{CompatLevel, Compatible, Ruleset, RulesetAttr, Scope};
                let asked = Ruleset::default()
                    .set_compatibility(CompatLevel::HardRequirement)
                    .scope(Scope::AbstractUnixSocket | Scope::Signal);
                asked
                    .and_then(|ruleset| ruleset.create())
                    .err()
                    .map(|error| format!("this kernel has no Landlock scopes: {error}"))
            }
            Need::LandlockFence => {
                use landlock::{
                    ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr,
                };
                let asked = Ruleset::default()
                    .set_compatibility(CompatLevel::HardRequirement)
                    .handle_access(AccessFs::from_all(ABI::V5));
                asked
                    .and_then(|ruleset| ruleset.create())
                    .err()
                    .map(|error| format!("this kernel has no Landlock for devices: {error}"))
            }
            Need::Keyrings => fs::metadata("/proc/keys")
                .err()
                .map(|error| format!("this kernel has no keyrings (/proc/keys: {error})")),
            Need::NetworkLab => match crate::network_lab::shared() {
                _ if !crate::is_root() => Some("root alone can make the lab of networks".into()),
                shared => shared.err().map(str::to_owned),
            },
            Need::ClaudeCode => crate::claude_code::Package::missing(),
            Need::ControlGroup => no_control_group(),
            Need::CoreFiles => {
                let pattern =
                    fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
                pattern.starts_with(['|', '/', '@']).then(|| {
                    format!(
                        "core dumps go elsewhere here (core_pattern {})",
                        pattern.trim()
                    )
                })
            }
        }
    }
}

/// Why whoever starts the launcher can have no control group.
fn no_control_group() -> Option<String> {
    let uid = if crate::is_root() {
        crate::BOXER
    } else {
        nix::unistd::getuid().as_raw()
    };
    let user = User {
        uid,
        gid: uid,
        name: "boxer".into(),
        home: "/".into(),
        groups: Vec::new(),
    };
    let groups = Parts::read(&user, &[]).groups;
    let systemd = groups.bus.is_some() && groups.busctl.is_some();
    // What is root's to make a group in is not the user's.
    let delegated = groups.parent.filter(|_| !crate::is_root());
    let memory =
        delegated.is_some_and(|parent| parent.controllers.iter().any(|has| has == "memory"));
    let why = match groups.hierarchy {
        None => "no cgroup v2 is mounted".to_owned(),
        Some(_) if systemd || memory => return None,
        Some(_) => {
            format!("uid {uid} has no systemd of its own, and no control group is delegated to it")
        }
    };
    Some(why)
}
