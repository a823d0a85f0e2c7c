//! The one exception of the fence is the resolver: on its port alone, and without the host's list of domains to search.
//!   (threats: NET-30)
use std::fs;
use std::net::IpAddr;

use crate::harness::network;
use crate::probe::*;

const PORTS: [u16; 4] = [22, 80, 443, 853];

fn of_file(key: &str) -> String {
    let text = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let values = text.lines().filter_map(|line| line.strip_prefix(key));
    values.map(str::trim).collect::<Vec<_>>().join(" ")
}

pub const PROBE: Probe = Probe {
    asks: "is more of the resolver reachable than names?",
    threats: &["NET-30"],
    expect: Expect::Exactly(|_| {
        let ports = Seen::each(PORTS, |_| Act::errno(Errno::EHOSTUNREACH));
        ports
            .and("search", Act::saw(""))
            .and("domain", Act::saw(""))
    }),
    attempt: |_| {
        let resolver: Option<IpAddr> = of_file("nameserver ").parse().ok();
        let ports = Seen::each(PORTS, |port| match resolver {
            Some(resolver) => network::tcp(resolver, *port),
            None => Act::Broken("there is not one name server".into()),
        });
        ports
            .and("search", Act::Saw(of_file("search ")))
            .and("domain", Act::Saw(of_file("domain ")))
    },
    ..network::FENCED
};
