//! Owns looking at control groups (cgroups(7)): that of the caller, and by which way a session could have one of its own, which
//! limits memory and CPU.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};
use serde::{Deserialize, Serialize};

use super::tool::fit_program;
use super::{User, variable};
use crate::group::unified;
use crate::text::Text;

/// Where busctl(1) is looked for, in order. As with bwrap, PATH is not asked.
const BUSCTL: [&str; 3] = [
    "/usr/bin/busctl",
    "/bin/busctl",
    "/run/current-system/sw/bin/busctl",
];

/// What a control group of a session's own could be made by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Groups {
    /// Where the unified hierarchy is mounted.
    pub hierarchy: Option<Text>,
    /// The socket of the user's own bus, at which their systemd listens.
    pub bus: Option<Text>,
    /// busctl(1), fit to be run.
    pub busctl: Option<Text>,
    /// The nearest group, from the caller's own upwards, in which the caller may make another that has controllers.
    pub parent: Option<Parent>,
}

/// A group in which another can be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parent {
    /// Its folder.
    pub folder: Text,
    /// The controllers that those in it have.
    pub controllers: Vec<String>,
}

impl Groups {
    pub(super) fn read(user: &User, environment: &[(Text, Text)]) -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let hierarchy = mounted_at(&mounts);
        let parent = hierarchy
            .as_deref()
            .zip(unified(&own))
            .and_then(|(hierarchy, own)| Parent::find(hierarchy, own));
        Self {
            hierarchy: hierarchy.map(Text::from),
            bus: bus(user, environment),
            busctl: BUSCTL
                .iter()
                .find_map(|place| fit_program(Path::new(place))),
            parent,
        }
    }
}

impl Parent {
    fn find(hierarchy: &Path, own: &str) -> Option<Self> {
        let own = hierarchy.join(own.trim_start_matches('/'));
        let groups = own.ancestors().take_while(|at| at.starts_with(hierarchy));
        groups.into_iter().find_map(|folder| {
            let handed_down = fs::read_to_string(folder.join("cgroup.subtree_control")).ok()?;
            let controllers: Vec<String> =
                handed_down.split_whitespace().map(str::to_owned).collect();
            let writable = |file: &Path| access(file, AccessFlags::W_OK).is_ok();
            let ours = writable(folder) && writable(&folder.join("cgroup.procs"));
            (ours && !controllers.is_empty()).then(|| Self {
                folder: folder.into(),
                controllers,
            })
        })
    }
}

/// The user's bus, where their systemd has made one (sd_bus_open_user(3), user_runtime_dir(5)). Root may ask that of the system.
fn bus(user: &User, environment: &[(Text, Text)]) -> Option<Text> {
    let usual = || Text::from(format!("/run/user/{}", user.uid).as_str());
    let folder = variable(environment, "XDG_RUNTIME_DIR").cloned();
    let folder = folder.filter(|folder| folder.path().is_absolute());
    let folder = folder.unwrap_or_else(usual);
    let own = |path: &Path| fs::symlink_metadata(path).is_ok_and(|there| there.uid() == user.uid);
    let bus = folder.join("bus");
    let is_socket =
        |bus: &Path| fs::symlink_metadata(bus).is_ok_and(|bus| bus.file_type().is_socket());
    if is_socket(bus.path()) && own(folder.path()) && own(bus.path()) {
        return Some(bus);
    }
    let system = Path::new("/run/dbus/system_bus_socket");
    // sd_booted(3).
    let booted = user.uid == 0 && Path::new("/run/systemd/system").is_dir();
    (booted && is_socket(system) && own(system)).then(|| system.into())
}

/// The caller's group in the unified hierarchy, which alone has what a user may be given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cgroup {
    /// Its path from the root of the hierarchy.
    pub path: Text,
    /// The controllers that it has.
    pub controllers: Vec<String>,
}

impl Cgroup {
    /// Reads it; `None` where no unified hierarchy is mounted.
    pub(super) fn read() -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let path = unified(&own)?;
        let folder = mounted_at(&mounts)?.join(path.trim_start_matches('/'));
        let controllers = fs::read_to_string(folder.join("cgroup.controllers")).ok()?;
        Some(Self {
            path: path.into(),
            controllers: controllers.split_whitespace().map(str::to_owned).collect(),
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
