//! Owns the command line of the helpers: the one module that spells the flags of pasta(1) and slirp4netns(1). Pure.
//!
//! A helper carries packets between the outer network namespace and sockets of the host. It has no part in what may be reached:
//! that is the fence's. Its own part is to map nothing to the host: no address inside stands for the host's loopback, no port
//! of one side is opened on the other.
//!
//! What is inside has addresses for documentation (RFC 5737, RFC 3849), whatever the host has: nothing of its network is told.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::config::{Openings, Port};
use crate::facts::NetworkTools;
use crate::fence::Protocol;
use crate::outer::join::NETWORK_PATH;
use crate::text::Text;

/// The device inside.
pub const DEVICE: &str = "net0";
/// The address inside.
pub const ADDRESS: (Ipv4Addr, Ipv6Addr) = (four(100), six(0x100));
/// The router that the helper plays.
pub const GATEWAY: (Ipv4Addr, Ipv6Addr) = (four(2), six(2));
/// Where names are resolved: the helper passes that on to the host's resolver.
pub const FORWARDER: (Ipv4Addr, Ipv6Addr) = (four(3), six(3));
/// The length of the IPv4 prefix.
const PREFIX: &str = "24";
/// slirp4netns takes the prefix alone, and numbers within it by itself: the router is .2, the resolver .3, the guest .100.
const NETWORK: &str = "192.0.2.0/24";

const fn four(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, last)
}

const fn six(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0xc1a0, 0, 0, 0, 0, last)
}

/// Which program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// pasta(1), of passt.
    Pasta,
    /// slirp4netns(1), for IPv4 alone.
    Slirp4netns,
}

impl Kind {
    /// The name that it is called by: passt becomes pasta by it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Pasta => "pasta",
            Kind::Slirp4netns => "slirp4netns",
        }
    }
}

/// A part of a helper's command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// The option and its value.
    pub words: Vec<Text>,
    /// Why it is there.
    pub why: &'static str,
    /// Whether it keeps something of the host out of reach.
    pub closes: bool,
}

/// What this pasta must know to be used, for want of which it is too old: passt 2022-11 and later do.
const NEEDED: [&str; 9] = [
    "config-net",
    "dns-forward",
    "foreground",
    "netns-only",
    "no-map-gw",
    "no-netns-quit",
    "ns-ifname",
    "tcp-ns",
    "udp-ns",
];

/// An option of passt since 2024-08. Who knows it knows all that is [`NEEDED`], whatever its help tells: that of passt 2025-05, which
/// Debian 13 has, ends after the first 4096 bytes where it is written into a pipe, as the program ends without writing the rest.
const LATER: &str = "map-host-loopback";

/// An option without which pasta since 2024-10 brings connections from the host's loopback to the address inside, where the fence
/// refuses them and a server of the loopback does not hear them. It stands in the help after its first 4096 bytes.
pub const PUBLISHED_INSIDE: &str = "host-lo-to-ns-lo";

/// The options that are missing for it to be used.
#[must_use]
pub fn lacking(tools: &NetworkTools) -> Vec<&'static str> {
    if tools.knows(LATER) {
        return Vec::new();
    }
    NEEDED
        .into_iter()
        .filter(|option| !tools.knows(option))
        .collect()
}

/// The families that are carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Families {
    /// IPv4.
    pub four: bool,
    /// IPv6.
    pub six: bool,
}

/// pasta's command line, without [`target`].
#[must_use]
pub fn pasta(
    tools: &NetworkTools,
    families: Families,
    forwarder: Option<IpAddr>,
    openings: &Openings,
) -> Vec<Flag> {
    let mut flags = vec![
        open(&["--foreground"], "it ends with the launcher"),
        open(&["--config-net"], "it sets its device up"),
        open(&["--netns-only"], "it is in the outer user namespace"),
        open(
            &["--no-netns-quit"],
            "the namespace has a path of its own, that stays",
        ),
        open(&["--ns-ifname", DEVICE], "the host's device is not named"),
    ];
    if tools.knows("stderr") {
        flags.push(open(
            &["--stderr"],
            "errors reach the launcher, not the log",
        ));
    }
    let mut addresses = |option: &'static str, pair: (Ipv4Addr, Ipv6Addr), why| {
        if families.four {
            flags.push(open(&[option, &pair.0.to_string()], why));
        }
        if families.six {
            flags.push(open(&[option, &pair.1.to_string()], why));
        }
    };
    addresses("--address", ADDRESS, "the host's address is not told");
    addresses("--gateway", GATEWAY, "the host's router is not told");
    if families.four {
        flags.push(open(&["--netmask", PREFIX], "of the address"));
    }
    // One resolver: more are tried one after the other, which costs seconds where one is dead.
    if let Some(forwarder) = forwarder {
        flags.push(open(
            &["--dns-forward", &forwarder.to_string()],
            "names resolve through one address",
        ));
    }
    match families {
        Families { six: false, .. } => flags.push(open(&["--ipv4-only"], "the host has no IPv6")),
        Families { four: false, .. } => flags.push(open(&["--ipv6-only"], "the host has no IPv4")),
        _ => {}
    }
    flags.push(closes(
        &["--no-map-gw"],
        "the router's address would be the host's loopback",
    ));
    for (option, target) in [(LATER, "none"), ("map-guest-addr", "none")] {
        if tools.knows(option) {
            flags.push(closes(
                &[&format!("--{option}"), target],
                "an address inside would be the host's own",
            ));
        }
    }
    if tools.knows(PUBLISHED_INSIDE) && !openings.publish.is_empty() {
        flags.push(open(
            &[&format!("--{PUBLISHED_INSIDE}")],
            "a published port is that of the loopback inside",
        ));
    }
    let directions = [
        (
            "--tcp-ports",
            &openings.publish,
            Protocol::Tcp,
            LOOPBACK,
            INWARD,
        ),
        (
            "--udp-ports",
            &openings.publish,
            Protocol::Udp,
            LOOPBACK,
            INWARD,
        ),
        ("--tcp-ns", &openings.host_ports, Protocol::Tcp, "", OUTWARD),
        ("--udp-ns", &openings.host_ports, Protocol::Udp, "", OUTWARD),
    ];
    for (option, ports, protocol, address, why) in directions {
        flags.push(closes(&[option, &list(ports, protocol, address)], why));
    }
    for service in ["no-dhcp", "no-dhcpv6", "no-ra"] {
        flags.push(closes(
            &[&format!("--{service}")],
            "nobody inside asks for it",
        ));
    }
    flags
}

/// Ports are published on the host's loopback alone.
const LOOPBACK: &str = "127.0.0.1/";
const INWARD: &str = "ports that are bound inside would open on the host";
const OUTWARD: &str = "the host's loopback would answer on the loopback inside";

/// Ports as pasta takes them: `none`, or a list with an address before it.
fn list(ports: &[Port], protocol: Protocol, address: &str) -> String {
    let of_protocol = ports.iter().filter(|port| port.protocol == protocol);
    let numbers: Vec<String> = of_protocol.map(|port| port.number.to_string()).collect();
    if numbers.is_empty() {
        "none".into()
    } else {
        format!("{address}{}", numbers.join(","))
    }
}

/// slirp4netns' command line, without [`target`].
#[must_use]
pub fn slirp4netns() -> Vec<Flag> {
    vec![
        open(&["--configure"], "it sets its device up"),
        open(
            &["--mtu=65520"],
            "few large packets are cheaper than many small",
        ),
        open(
            &[&format!("--cidr={NETWORK}")],
            "the host's network is not told",
        ),
        open(&["--netns-type=path"], "the namespace is found by a path"),
        closes(
            &["--disable-host-loopback"],
            "the router's address would be the host's loopback",
        ),
        closes(&["--enable-seccomp"], "it reads untrusted packets"),
    ]
}

/// What comes last: where the network namespace is.
#[must_use]
pub fn target(kind: Kind) -> Vec<Text> {
    match kind {
        Kind::Pasta => vec!["--netns".into(), NETWORK_PATH.into()],
        Kind::Slirp4netns => vec![NETWORK_PATH.into(), DEVICE.into()],
    }
}

/// Where names are resolved inside: at the address of the family that a resolver of the host has. A helper stands for none of another
/// family: what is sent there would go on as it is, to whoever has that address on the host's network.
#[must_use]
pub fn forwarder(families: Families, resolvers: &[IpAddr]) -> Option<IpAddr> {
    let four = families.four && resolvers.iter().any(IpAddr::is_ipv4);
    let six = families.six && resolvers.iter().any(IpAddr::is_ipv6);
    match (four, six) {
        (true, _) => Some(FORWARDER.0.into()),
        (false, true) => Some(FORWARDER.1.into()),
        (false, false) => None,
    }
}

/// How names can be asked for at [`forwarder`]. An older pasta passes a TCP connection there on as it is, to whoever has that
/// address on the host's network (passt before 2024-08, which knows `--map-host-loopback`).
#[must_use]
pub fn forwarded(kind: Kind, tools: &NetworkTools) -> &'static [Protocol] {
    if kind == Kind::Slirp4netns || tools.knows(LATER) {
        &Protocol::ALL
    } else {
        &[Protocol::Udp]
    }
}

fn open(words: &[&str], why: &'static str) -> Flag {
    let words = words.iter().copied().map(Text::from).collect();
    Flag {
        words,
        why,
        closes: false,
    }
}

fn closes(words: &[&str], why: &'static str) -> Flag {
    Flag {
        closes: true,
        ..open(words, why)
    }
}
