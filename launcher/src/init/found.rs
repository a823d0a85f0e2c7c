//! Owns what PID 1 sees of its own sandbox before the command runs: raw observations, judged by the launcher.

use std::fs;
use std::os::fd::RawFd;
use std::os::unix::fs::MetadataExt;

use nix::sys::resource::getrlimit;
use serde::{Deserialize, Serialize};

use super::{Confined, Enforced, Order};
use crate::limit::Limited;
use crate::text::Text;

/// What was found inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Its own PID.
    pub pid: u32,
    /// Its uid and gid.
    pub user: (u32, u32),
    /// CapInh, CapPrm, CapEff, CapBnd, CapAmb of proc(5), each zero where nothing is left.
    pub capabilities: Vec<u64>,
    /// Whether `no_new_privs` is set.
    pub no_new_privs: bool,
    /// Open descriptors, without the socket to the launcher.
    pub descriptors: Vec<RawFd>,
    /// Network devices that are up or have an address, but for the loopback. Others reach nothing: some kernels make a
    /// tunnel device of each kind in every new namespace (net.core.fb_tunnels_only_for_init_net).
    pub interfaces: Vec<String>,
    /// The host's name.
    pub hostname: Text,
    /// Mounts, in order.
    pub mounts: Vec<MountPoint>,
    /// Its process group.
    pub process_group: u32,
    /// Whether it was started without any variable, but for the PWD that bwrap sets.
    pub environment_is_empty: bool,
    /// Device and inode of what is mounted at each place of the order, in its order.
    pub identities: Vec<Option<(u64, u64)>>,
    /// Whether a seccomp filter is in force (`Seccomp: 2` of proc(5)).
    pub filtered: bool,
    /// The hard limit of each resource that the order limits.
    pub limits: Vec<(Limited, u64)>,
    /// What Landlock enforces.
    pub landlock: Enforced,
    /// Whether it could make a user namespace, where the plan says that nobody can.
    pub nested: bool,
}

/// One line of `/proc/self/mountinfo` (proc(5)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountPoint {
    /// Where.
    pub at: Text,
    /// Whether it is read-only.
    pub read_only: bool,
    /// The file system's type.
    pub kind: String,
}

impl Found {
    pub(super) fn look(order: &Order, confined: Confined, control: RawFd) -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .map(str::trim)
        };
        let capability = |name| {
            field(name)
                .and_then(|set| u64::from_str_radix(set, 16).ok())
                .unwrap_or(u64::MAX)
        };
        let hostname = nix::unistd::gethostname().unwrap_or_default();
        Self {
            pid: std::process::id(),
            user: (
                nix::unistd::getuid().as_raw(),
                nix::unistd::getgid().as_raw(),
            ),
            capabilities: ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"]
                .map(capability)
                .to_vec(),
            no_new_privs: field("NoNewPrivs:") == Some("1"),
            // The list is read through one more descriptor, which is gone by now.
            descriptors: crate::descriptors::open()
                .unwrap_or_default()
                .into_iter()
                .filter(|descriptor| *descriptor != control && is_open(*descriptor))
                .collect(),
            interfaces: interfaces(),
            hostname: hostname.into(),
            mounts: mounts(&fs::read("/proc/self/mountinfo").unwrap_or_default()),
            process_group: u32::try_from(nix::unistd::getpgrp().as_raw()).unwrap_or(0),
            environment_is_empty: std::env::vars_os().all(|(name, _)| name == "PWD"),
            identities: order.watched.iter().map(identity).collect(),
            filtered: field("Seccomp:") == Some("2"),
            limits: order
                .limits
                .iter()
                .filter_map(|(on, _)| Some((*on, getrlimit(on.resource()).ok()?.1)))
                .collect(),
            landlock: confined.landlock,
            nested: confined.nested,
        }
    }
}

fn identity(place: &Text) -> Option<(u64, u64)> {
    fs::symlink_metadata(place)
        .ok()
        .map(|metadata| (metadata.dev(), metadata.ino()))
}

fn interfaces() -> Vec<String> {
    use nix::net::if_::InterfaceFlags;
    let mut names = Vec::new();
    for interface in nix::ifaddrs::getifaddrs().into_iter().flatten() {
        // An address of the link layer is no address that reaches anything.
        let address = interface
            .address
            .as_ref()
            .and_then(nix::sys::socket::SockaddrLike::family);
        let addressed =
            address.is_some_and(|family| family != nix::sys::socket::AddressFamily::Packet);
        let alive = interface.flags.contains(InterfaceFlags::IFF_UP) || addressed;
        let loopback = interface.flags.contains(InterfaceFlags::IFF_LOOPBACK);
        if alive && !loopback && !names.contains(&interface.interface_name) {
            names.push(interface.interface_name);
        }
    }
    names
}

fn is_open(descriptor: RawFd) -> bool {
    fs::read_link(format!("/proc/self/fd/{descriptor}")).is_ok()
}

/// Parses mountinfo: mount point in field 5, options in 6, the type after a lone dash.
fn mounts(mountinfo: &[u8]) -> Vec<MountPoint> {
    let lines = mountinfo.split(|byte| *byte == b'\n');
    let mount = |line: &[u8]| {
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        let dash = fields.iter().position(|field| *field == b"-")?;
        Some(MountPoint {
            at: Text::of_proc(fields.get(4)?),
            read_only: fields
                .get(5)?
                .split(|byte| *byte == b',')
                .any(|option| option == b"ro"),
            kind: String::from_utf8_lossy(fields.get(dash + 1)?).into_owned(),
        })
    };
    lines.filter_map(mount).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_point_with_a_newline_is_read_back() {
        let line = b"36 35 98:0 / /a\\012b\\040c ro,nosuid shared:1 - ext4 /dev/x rw\n";
        let expected = MountPoint {
            at: "/a\nb c".into(),
            read_only: true,
            kind: "ext4".into(),
        };
        assert_eq!(mounts(line), [expected]);
    }
}
