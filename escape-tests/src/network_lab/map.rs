//! Owns the map of the lab: which namespaces there are, what addresses they have, and what leads where. Data alone.
//!
//! ```text
//!                    ┌─ eth0 ──────────── lan ── wan ─── internet
//!   host ────────────┼─ tailscale0 ─ mesh  └─── meta ─── metadata
//!   (launcher, lo)   └─ docker0 ─ container
//! ```
//!
//! A site answers at every address of the prefixes that it stands for, not at a list of them (`ip route add local PREFIX dev lo`):
//! whatever leaves the host is heard somewhere.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// One namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Site {
    /// Where the launcher is started.
    Host,
    /// The local network: the router, neighbours with private and with global addresses, and whatever is private behind them.
    Lan,
    /// The rest of the world.
    Internet,
    /// The metadata services of clouds.
    Metadata,
    /// The other end of a VPN, with routes in a table of its own.
    Mesh,
    /// A container on a bridge of the host.
    Container,
}

impl Site {
    /// All of them.
    pub const ALL: [Site; 6] = [
        Site::Host,
        Site::Lan,
        Site::Internet,
        Site::Metadata,
        Site::Mesh,
        Site::Container,
    ];

    /// Its name in what is written down.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Site::Host => "host",
            Site::Lan => "lan",
            Site::Internet => "internet",
            Site::Metadata => "metadata",
            Site::Mesh => "mesh",
            Site::Container => "container",
        }
    }
}

/// A pair of devices, and a hardware address where both ends have the same one and ask nobody for it (IFF_NOARP), as a tunnel
/// does: whatever is sent into the one end is taken at the other.
pub(super) struct Link {
    pub(super) ends: [(Site, &'static str); 2],
    pub(super) tunnel: Option<&'static str>,
}

pub(super) const LINKS: [Link; 5] = [
    Link {
        ends: [(Site::Host, "eth0"), (Site::Lan, "eth0")],
        tunnel: None,
    },
    Link {
        ends: [(Site::Lan, "wan"), (Site::Internet, "wan")],
        tunnel: Some("02:00:00:00:01:01"),
    },
    Link {
        ends: [(Site::Lan, "meta"), (Site::Metadata, "eth0")],
        tunnel: Some("02:00:00:00:01:02"),
    },
    Link {
        ends: [(Site::Host, "tailscale0"), (Site::Mesh, "mesh0")],
        tunnel: Some("02:00:00:00:01:03"),
    },
    Link {
        ends: [(Site::Host, "veth0"), (Site::Container, "eth0")],
        tunnel: None,
    },
];

/// What `ip` is told in a site, once its devices are there.
pub(super) fn lines(site: Site) -> &'static str {
    match site {
        Site::Host => HOST,
        Site::Lan => LAN,
        Site::Internet => INTERNET,
        Site::Metadata => METADATA,
        Site::Mesh => MESH,
        Site::Container => CONTAINER,
    }
}

/// What `ip` is told for each family before [`lines`].
pub(super) fn rules(site: Site) -> &'static str {
    match site {
        // As Tailscale has it: a table that a look at the main one does not show.
        Site::Host => "rule add pref 5270 lookup 52\n",
        // What leads back counts before "all of the world is here".
        Site::Internet | Site::Metadata => {
            "rule add pref 10 lookup main\nrule add pref 20 lookup local\nrule del pref 0\n"
        }
        _ => "",
    }
}

/// The host: a private, a public and a global IPv6 network on one link, a mesh, and a bridge of containers.
const HOST: &str = "\
link add docker0 type bridge
link set docker0 addrgenmode none
link set docker0 up
link set veth0 master docker0
addr add 192.168.77.10/24 brd + dev eth0
addr add 81.2.69.10/24 brd + dev eth0
addr add 2600:1901:77::10/64 dev eth0 nodad
addr add fe80::10/64 dev eth0 nodad
addr add 172.17.0.1/16 brd + dev docker0
addr add fd00:d0c::1/64 dev docker0 nodad
addr add 100.64.77.10/32 dev tailscale0
addr add fd7a:115c:a1e0::4d:10/128 dev tailscale0 nodad
route add 0.0.0.0/0 via 192.168.77.1
route add ::/0 via 2600:1901:77::1
route add 100.64.0.0/10 dev tailscale0 table 52
route add 45.83.64.0/24 dev tailscale0 table 52
route add fd7a:115c:a1e0::/48 dev tailscale0 table 52
route add 2a0b:f4c0:77::/48 dev tailscale0 table 52
";

const LAN: &str = "\
addr add 192.168.77.1/24 brd + dev eth0
addr add 192.168.77.11/24 brd + dev eth0
addr add 81.2.69.1/24 brd + dev eth0
addr add 81.2.69.11/24 brd + dev eth0
addr add 2600:1901:77::1/64 dev eth0 nodad
addr add 2600:1901:77::11/64 dev eth0 nodad
addr add fe80::1/64 dev eth0 nodad
addr add fe80::11/64 dev eth0 nodad
route add 0.0.0.0/0 dev wan
route add ::/0 dev wan
route add 169.254.169.254 dev meta
route add 169.254.170.2 dev meta
route add 169.254.170.23 dev meta
route add 192.0.0.192 dev meta
route add 168.63.129.16 dev meta
route add fd00:ec2::254 dev meta
route add fd20:ce::254 dev meta
route add local 0.0.0.0/8 dev lo
route add local 10.0.0.0/8 dev lo
route add local 169.254.0.0/17 dev lo
route add local 172.16.0.0/12 dev lo
route add local 192.0.0.0/25 dev lo
route add local 192.168.0.0/18 dev lo
route add local 192.168.128.0/17 dev lo
route add local 198.18.0.0/15 dev lo
route add local 240.0.0.0/4 dev lo
route add local fc00::/8 dev lo
route add local fd00::/24 dev lo
route add local fdff::/16 dev lo
route add local fec0::/10 dev lo
route add local ::/96 dev lo
route add local 64:ff9b::/96 dev lo
route add local 64:ff9b:1::/48 dev lo
route add local 2002::/16 dev lo
route add local 2001::/32 dev lo
";

const INTERNET: &str = "\
route add 192.168.77.0/24 dev wan
route add 81.2.69.0/24 dev wan
route add 2600:1901:77::/64 dev wan
route add local 0.0.0.0/0 dev lo
route add local ::/0 dev lo
";

const METADATA: &str = "\
route add 192.168.77.0/24 dev eth0
route add 81.2.69.0/24 dev eth0
route add 2600:1901:77::/64 dev eth0
route add local 0.0.0.0/0 dev lo
route add local ::/0 dev lo
";

const MESH: &str = "\
route add 100.64.77.10 dev mesh0
route add fd7a:115c:a1e0::4d:10 dev mesh0
route add local 100.64.0.0/18 dev lo
route add local 100.65.0.0/16 dev lo
route add local 100.100.100.0/24 dev lo
route add local 100.127.0.0/16 dev lo
route add local 45.83.64.0/24 dev lo
route add local fd7a:115c:a1e0::/112 dev lo
route add local 2a0b:f4c0:77::/48 dev lo
";

const CONTAINER: &str = "\
addr add 172.17.0.2/16 brd + dev eth0
addr add fd00:d0c::2/64 dev eth0 nodad
route add 0.0.0.0/0 via 172.17.0.1
route add ::/0 via fd00:d0c::1
";

/// Groups that the neighbours on the local network have joined, as those do who answer discovery (IANA registries of multicast
/// addresses): all systems are in the first of each family anyway.
pub(super) const GROUPS: [&str; 6] = [
    "224.0.0.251",
    "224.0.0.252",
    "239.255.255.250",
    "ff02::fb",
    "ff02::c",
    "ff05::2",
];

/// The public addresses that a session on `inet` must reach in every trial: else the silence of all others proves nothing. The
/// first two belong to names of the lab.
pub const PUBLIC: [&str; 4] = [
    "93.184.215.14",
    "2606:2800:21f:cb07:6820:80da:af6b:8b2c",
    "151.101.65.69",
    "2a04:4e42::347",
];

/// Neighbours of the host on its own link, its networks behind a VPN, and its containers: what only its routes tell.
pub const NEIGHBOURS: [&str; 11] = [
    "192.168.77.1",
    "192.168.77.11",
    "81.2.69.1",
    "81.2.69.11",
    "2600:1901:77::1",
    "2600:1901:77::11",
    "45.83.64.9",
    "2a0b:f4c0:77::9",
    "172.17.0.2",
    "fd00:d0c::2",
    "fd7a:115c:a1e0::2",
];

/// The host's own addresses.
pub const OWN: [&str; 8] = [
    "192.168.77.10",
    "81.2.69.10",
    "2600:1901:77::10",
    "fe80::10",
    "172.17.0.1",
    "fd00:d0c::1",
    "100.64.77.10",
    "fd7a:115c:a1e0::4d:10",
];

/// Those among them that its local network has a way to.
pub const ON_LINK: [&str; 4] = [
    "192.168.77.10",
    "81.2.69.10",
    "2600:1901:77::10",
    "fe80::10",
];

/// The addresses of such a list.
#[must_use]
pub fn parsed(list: &[&str]) -> Vec<IpAddr> {
    let parsed = list.iter().map(|address| address.parse());
    parsed
        .map(|address| address.expect("the map holds addresses"))
        .collect()
}
