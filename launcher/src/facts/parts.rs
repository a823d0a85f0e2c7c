//! Owns the parts of a host that only `check` asks for: the Nix daemon, the control group.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Cgroup, Groups, User};
use crate::text::Text;

/// Parts that no plan of this version needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    /// The Nix daemon's socket is there, and whether nix.conf(5) names this user or a group of theirs as trusted.
    pub nix_daemon: Option<NixDaemon>,
    /// The caller's control group; `None` without the unified hierarchy.
    pub cgroup: Option<Cgroup>,
    /// By what a session could have one of its own.
    pub groups: Groups,
}

/// The Nix daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NixDaemon {
    /// The entry of `trusted-users` that makes this user as good as root.
    pub trusts: Option<String>,
}

impl Parts {
    /// Reads them for `user`.
    #[must_use]
    pub fn read(user: &User, environment: &[(Text, Text)]) -> Self {
        let socket = Path::new("/nix/var/nix/daemon-socket/socket").exists();
        let nix_conf = fs::read_to_string("/etc/nix/nix.conf").unwrap_or_default();
        Self {
            nix_daemon: socket.then(|| NixDaemon {
                trusts: trusting_entry(&nix_conf, user, &groups_of(user)),
            }),
            cgroup: Cgroup::read(),
            groups: Groups::read(user, environment),
        }
    }
}

/// The names of the user's groups, by group(5).
fn groups_of(user: &User) -> Vec<String> {
    let text = fs::read_to_string("/etc/group").unwrap_or_default();
    let fields = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let is_theirs = |fields: &Vec<&str>| {
        let number = fields.get(2).and_then(|number| number.parse::<u32>().ok());
        number.is_some_and(|number| number == user.gid || user.groups.contains(&number))
    };
    fields
        .filter(is_theirs)
        .map(|fields| fields[0].to_owned())
        .collect()
}

/// The first entry of `trusted-users` (nix.conf(5)) that covers the user.
fn trusting_entry(nix_conf: &str, user: &User, groups: &[String]) -> Option<String> {
    let lines = nix_conf
        .lines()
        .filter_map(|line| line.split('#').next()?.split_once('='));
    let trusted =
        lines.filter(|(key, _)| matches!(key.trim(), "trusted-users" | "extra-trusted-users"));
    let mut entries = trusted.flat_map(|(_, value)| value.split_whitespace());
    entries
        .find(|entry| match entry.strip_prefix('@') {
            Some(group) => groups.iter().any(|name| name == group),
            None => *entry == "*" || user.name == *entry,
        })
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trusted_user_is_found_by_name_group_and_star() {
        let user = User {
            uid: 1000,
            gid: 100,
            name: "ann".into(),
            home: "/home/ann".into(),
            groups: vec![],
        };
        let groups = ["wheel".to_owned()];
        let entry = |conf| trusting_entry(conf, &user, &groups);
        assert_eq!(entry("trusted-users = root ann\n").as_deref(), Some("ann"));
        assert_eq!(
            entry("a = b\nextra-trusted-users = @wheel # x\n").as_deref(),
            Some("@wheel")
        );
        assert_eq!(entry("trusted-users = *\n").as_deref(), Some("*"));
        assert_eq!(
            entry("trusted-users = root @nixbld\nallowed-users = ann\n"),
            None
        );
    }
}
