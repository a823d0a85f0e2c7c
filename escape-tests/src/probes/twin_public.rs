//! What `inet` is for: any public address that no route of the host covers is reached, by TCP and UDP of both families, and by its
//! name. Documentation, benchmarking and the like are not public; what only looks like an inner address is.
use std::net::IpAddr;

use crate::harness::network::{ON_INET, led_to, tcp, timed, udp};
use crate::network_lab::map::{PUBLIC, parsed};
use crate::network_lab::names::PUBLIC_NAME;
use crate::probe::*;

/// Close to what is closed, and public (RFC 1918, RFC 6598, RFC 3927, RFC 5771, RFC 4193 tell where that ends).
const NEAR: [&str; 14] = [
    "9.255.255.255",
    "11.0.0.1",
    "100.63.255.254",
    "100.128.0.1",
    "126.255.255.254",
    "128.0.0.1",
    "169.253.255.254",
    "169.255.0.1",
    "172.15.255.254",
    "172.32.0.1",
    "192.167.255.254",
    "192.169.0.1",
    "223.255.254.1",
    "2600:1901:78::1",
];

pub const PROBE: Probe = Probe {
    asks: "is the public internet reached on `inet`?",
    expect: Expect::Exactly(|_| {
        let mut seen = Seen::one("by name", Act::saw("tcp true, udp true"));
        for address in parsed(&PUBLIC).into_iter().chain(parsed(&NEAR)) {
            for way in ["tcp", "udp"] {
                seen.add(format!("{way} {address}"), Act::Reached);
            }
        }
        seen
    }),
    attempt: |bait| {
        let port = bait.ground.as_ref().map_or(0, |ground| ground.port);
        let found = led_to(PUBLIC_NAME).unwrap_or_default();
        let all = |act: fn(IpAddr, u16) -> Act| {
            found.len() == 2 && found.iter().all(|one| act(*one, port) == Act::Reached)
        };
        let by_name = format!("tcp {}, udp {}", all(tcp), all(udp));
        let mut seen = Seen::one("by name", Act::Saw(by_name));
        for address in parsed(&PUBLIC).into_iter().chain(parsed(&NEAR)) {
            seen.add(format!("tcp {address}"), timed(|| tcp(address, port)));
            seen.add(format!("udp {address}"), timed(|| udp(address, port)));
        }
        seen
    },
    // Who listens at the near ones is the internet too.
    harmed: |_| None,
    ..ON_INET
};
