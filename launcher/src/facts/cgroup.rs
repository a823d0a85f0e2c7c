//! Owns looking at the control group of the caller (cgroups(7)): whether memory and CPU of a session could be limited there.

use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};
use serde::{Deserialize, Serialize};

use crate::text::Text;

/// The caller's group in the unified hierarchy, which alone has what a user may be given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cgroup {
    /// Its path from the root of the hierarchy.
    pub path: Text,
    /// The controllers that it has.
    pub controllers: Vec<String>,
    /// Whether it is delegated: the caller may make groups in it and move processes there (cgroups(7), Cgroups delegation).
    pub delegated: bool,
}

impl Cgroup {
    /// Reads it; `None` where no unified hierarchy is mounted.
    pub(super) fn read() -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let path = own.lines().find_map(|line| line.strip_prefix("0::"))?;
        let folder = mounted_at(&mounts)?.join(path.trim_start_matches('/'));
        let controllers = fs::read_to_string(folder.join("cgroup.controllers")).ok()?;
        let writable = |file: &Path| access(file, AccessFlags::W_OK).is_ok();
        let delegated = writable(&folder)
            && ["cgroup.procs", "cgroup.subtree_control"]
                .iter()
                .all(|file| writable(&folder.join(file)));
        Some(Self {
            path: path.into(),
            controllers: controllers.split_whitespace().map(str::to_owned).collect(),
            delegated,
        })
    }
}

/// Where the unified hierarchy is mounted, as proc(5) lists it.
fn mounted_at(mountinfo: &str) -> Option<PathBuf> {
    mountinfo.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        kind.starts_with("cgroup2 ")
            .then(|| place.split(' ').nth(4).map(PathBuf::from))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unified_hierarchy_is_told_from_the_old_ones() {
        let old = "30 24 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
        let new = "31 24 0:27 / /sys/fs/cgroup/unified rw,nosuid - cgroup2 cgroup2 rw\n";
        assert_eq!(mounted_at(old), None);
        let both = format!("{old}{new}");
        assert_eq!(
            mounted_at(&both).as_deref(),
            Some(Path::new("/sys/fs/cgroup/unified"))
        );
    }
}
