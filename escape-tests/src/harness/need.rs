//! Owns what of a host a probe may need, and whether this host has it. The only source of skips.

use std::fs;

/// Something that not every host has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Landlock's scopes (ABI 6, Linux 6.12).
    LandlockScopes,
    /// Session keyrings.
    Keyrings,
    /// Core files are written by the kernel into the working folder, not piped to a handler.
    CoreFiles,
}

impl Need {
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
            Need::Keyrings => fs::metadata("/proc/keys")
                .err()
                .map(|error| format!("this kernel has no keyrings (/proc/keys: {error})")),
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
