//! Owns the parts of a host that only `check` asks for: what the tier `inet` will need, the Nix daemon, the control group.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Cgroup, Groups, User};
use crate::text::Text;

/// Parts that no plan of this version needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    /// Whether `/dev/net/tun` can be opened by this user; `None` where there is none.
    pub tun: Option<bool>,
    /// nft(8).
    pub nft: Option<Text>,
    /// Whether the kernel has nf_tables, built in or as a module.
    pub nf_tables: bool,
    /// pasta(1).
    pub pasta: Option<Text>,
    /// slirp4netns(1).
    pub slirp4netns: Option<Text>,
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
        let tun = Path::new("/dev/net/tun");
        let open = File::options().read(true).write(true).open(tun).is_ok();
        let socket = Path::new("/nix/var/nix/daemon-socket/socket").exists();
        let nix_conf = fs::read_to_string("/etc/nix/nix.conf").unwrap_or_default();
        Self {
            tun: tun.exists().then_some(open),
            nft: tool("nft"),
            nf_tables: has_nf_tables(),
            pasta: tool("pasta"),
            slirp4netns: tool("slirp4netns"),
            nix_daemon: socket.then(|| NixDaemon {
                trusts: trusting_entry(&nix_conf, user, &groups_of(user)),
            }),
            cgroup: Cgroup::read(),
            groups: Groups::read(user, environment),
        }
    }
}

/// A tool at one of the places where distributions put it; PATH is not asked.
fn tool(name: &str) -> Option<Text> {
    let folders = [
        "/usr/sbin",
        "/usr/bin",
        "/sbin",
        "/bin",
        "/usr/local/bin",
        "/run/current-system/sw/bin",
    ];
    let found = folders
        .iter()
        .map(|folder| PathBuf::from(folder).join(name))
        .find(|file| file.is_file());
    found.map(Text::from)
}

fn has_nf_tables() -> bool {
    if Path::new("/proc/net/netfilter").exists() || Path::new("/sys/module/nf_tables").exists() {
        return true;
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let modules = Path::new("/lib/modules").join(release.trim());
    ["modules.builtin", "modules.dep"].iter().any(|list| {
        fs::read_to_string(modules.join(list)).is_ok_and(|list| list.contains("/nf_tables.ko"))
    })
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
