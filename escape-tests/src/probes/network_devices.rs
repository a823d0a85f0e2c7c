//! The devices and routes of a network namespace are all that a packet can leave by.   (threats: NET-01, NET-47)
use std::collections::BTreeSet;
use std::fs;
use std::net::UdpSocket;

use nix::net::if_::InterfaceFlags;
use nix::sys::socket::{AddressFamily, SockaddrLike};

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "is there a device or a route but loopback on `none`?",
    threats: &["NET-01", "NET-47"],
    behind: &[Guard::NetNamespace],
    tiers: &[Tier::None],
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::one("devices", Act::saw("lo"))
            .and("routes", Act::saw(0))
            // TEST-NET-1 and documentation prefixes: nothing is sent by connecting a UDP socket.
            .and("192.0.2.1", Act::errno(Errno::ENETUNREACH))
            .and("2001:db8::1", Act::errno(Errno::ENETUNREACH))
            .and("169.254.169.254", Act::errno(Errno::ENETUNREACH))
    }),
    attempt: |_| {
        let lines = |path| fs::read_to_string(path).unwrap_or_default();
        // Some kernels make tunnel devices in every namespace, which are down and without an address.
        let alive = |device: &nix::ifaddrs::InterfaceAddress| {
            let linked = device.address.as_ref().and_then(SockaddrLike::family)
                == Some(AddressFamily::Packet);
            device.flags.contains(InterfaceFlags::IFF_UP) || (device.address.is_some() && !linked)
        };
        let devices = nix::ifaddrs::getifaddrs()
            .into_iter()
            .flatten()
            .filter(alive);
        let devices: BTreeSet<String> = devices.map(|device| device.interface_name).collect();
        let udp = |local: &str, to: &str| {
            Act::of(UdpSocket::bind((local, 0)).and_then(|socket| socket.connect((to, 53))))
        };
        Seen::one(
            "devices",
            Act::Saw(devices.into_iter().collect::<Vec<_>>().join(" ")),
        )
        .and(
            "routes",
            Act::saw(lines("/proc/net/route").lines().skip(1).count()),
        )
        .and("192.0.2.1", udp("0.0.0.0", "192.0.2.1"))
        .and("2001:db8::1", udp("::", "2001:db8::1"))
        .and("169.254.169.254", udp("0.0.0.0", "169.254.169.254"))
    },
    ..Probe::USUAL
};
