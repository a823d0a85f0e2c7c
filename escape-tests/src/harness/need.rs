//! Owns what a probe may need: something of the host, which not every host has, or a guard that claudebox does not have yet. The
//! only source of skips.

use std::fs;

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
    /// A guard that claudebox does not have yet. The probe shows that the hole is there, and fails on the day it is not.
    Unbuilt(Unbuilt),
}

/// A guard that claudebox does not have yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unbuilt {
    /// The tier `inet`.
    EgressFence,
    /// Limits on memory and CPU.
    MemoryLimits,
    /// The agent's state of one project, kept from session to session.
    Instances,
    /// The login of Claude Code, shared with the host and among projects.
    LoginStore,
}

impl Unbuilt {
    /// Its name, and what it will stop.
    #[must_use]
    pub fn what(self) -> &'static str {
        match self {
            Unbuilt::EgressFence => "EgressFence: the internet without the LAN (NET-02)",
            Unbuilt::MemoryLimits => "MemoryLimits: memory and CPU of a session (HARD-04)",
            Unbuilt::Instances => {
                "Instances: conversations of a project, kept and nobody else's (INST)"
            }
            Unbuilt::LoginStore => {
                "LoginStore: one login for host and sandboxes, merged and checked (AUTH)"
            }
        }
    }
}

impl Need {
    /// The guard that is awaited, if it is one.
    #[must_use]
    pub fn unbuilt(self) -> Option<Unbuilt> {
        match self {
            Need::Unbuilt(guard) => Some(guard),
            Need::LandlockScopes
            | Need::LandlockFence
            | Need::Keyrings
            | Need::CoreFiles
            | Need::NetworkLab
            | Need::ClaudeCode => None,
        }
    }

    /// Whether it is not there for who runs this, and no host can promise it to them.
    #[must_use]
    pub fn is_for_root(self) -> bool {
        self == Need::NetworkLab && !crate::is_root()
    }

    /// Why this host does not have it; `None` where it does.
    #[must_use]
    pub fn missing(self) -> Option<String> {
        match self {
            Need::Unbuilt(guard) => Some(format!(
                "it needs a guard that is not there yet, {}",
                guard.what()
            )),
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
