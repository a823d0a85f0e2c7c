//! The one exception of the fence is the resolver: on its port alone, and without the host's list of domains to search. Here the
//! host has its resolver on the loopback, as systemd-resolved does.   (threats: NET-30)
use std::fs;
use std::net::IpAddr;

use crate::harness::network::{self, ON_INET, fence, tcp, timed, udp};
use crate::network_lab::entrance::Resolver;
use crate::network_lab::map::{PUBLIC, parsed};
use crate::network_lab::names::PUBLIC_NAME;
use crate::probe::*;

/// SSH, HTTP, HTTPS, and names over TLS.
const PORTS: [u16; 4] = [22, 80, 443, 853];

fn of_file(key: &str) -> String {
    let text = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let values = text.lines().filter_map(|line| line.strip_prefix(key));
    values.map(str::trim).collect::<Vec<_>>().join(" ")
}

/// The attempt, whatever resolver the host has.
pub(super) fn attempt(bait: &Bait) -> Seen {
    let resolver = of_file("nameserver ");
    let mut seen = Seen::default();
    let trial = bait.ground.as_ref().map(|ground| ground.port);
    let ports = PORTS.into_iter().chain(trial);
    for (number, port) in ports.enumerate() {
        let name = |way: &str| match PORTS.get(number) {
            Some(port) => format!("{way} {port}"),
            None => format!("{way} of the trial"),
        };
        match resolver.parse::<IpAddr>() {
            Ok(address) => {
                seen.add(name("tcp"), timed(|| tcp(address, port)));
                seen.add(name("udp"), timed(|| udp(address, port)));
            }
            Err(error) => seen.add(name("tcp"), Act::Broken(error.to_string())),
        }
    }
    // The resolvers that a host may have are out of reach themselves.
    for resolver in Resolver::ALL {
        let address = resolver.address();
        let act = |act: fn(IpAddr, u16) -> Act| match address.parse() {
            Ok(address) => timed(|| act(address, 53)),
            Err(error) => Act::Broken(format!("{error}")),
        };
        seen.add(format!("tcp {address}:53"), act(tcp));
        seen.add(format!("udp {address}:53"), act(udp));
    }
    let public = network::led_to(PUBLIC_NAME).unwrap_or_default();
    let all = parsed(&PUBLIC[..2]).iter().all(|one| public.contains(one));
    seen.and("a public name leads there", Act::saw(all))
        .and("name servers", Act::saw(resolver.split(' ').count()))
        .and("search", Act::Saw(of_file("search ")))
        .and("domain", Act::Saw(of_file("domain ")))
        .and("options", Act::Saw(of_file("options ")))
}

/// What it must report.
pub(super) fn expected(_: &Bait) -> Seen {
    let mut seen = Seen::default();
    let all = PORTS.map(|port| port.to_string()).into_iter();
    for port in all.chain(["of the trial".into()]) {
        seen.add(format!("tcp {port}"), Act::errno(network::REFUSED));
        seen.add(format!("udp {port}"), Act::errno(Errno::EPERM));
    }
    for resolver in Resolver::ALL {
        let address: IpAddr = resolver.address().parse().expect("it is one");
        for way in ["tcp", "udp"] {
            seen.add(
                format!("{way} {address}:53"),
                Act::errno(fence(way, address)),
            );
        }
    }
    seen.and("a public name leads there", Act::saw(true))
        .and("name servers", Act::saw(1))
        .and("search", Act::saw(""))
        .and("domain", Act::saw(""))
        .and("options", Act::saw(""))
}

pub const PROBE: Probe = Probe {
    asks: "is more of the resolver reachable than names?",
    threats: &["NET-30"],
    expect: Expect::Exactly(expected),
    attempt,
    ..ON_INET
};
