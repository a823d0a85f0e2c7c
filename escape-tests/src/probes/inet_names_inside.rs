//! Whoever owns a name says where it leads: at once to the local network, only when it is asked again, by an alias of an alias,
//! or to both sides at once. What the resolver of the host's network knows, it answers. Each address that comes out of it is
//! tried, and the fence stands at the packets.   (threats: NET-29, NET-31)
use std::net::IpAddr;

use crate::harness::network::{FENCED, carried, fence, led_to, tcp, udp};
use crate::network_lab::map::{PUBLIC, parsed};
use crate::probe::*;

/// Kinds of names (`network_lab::names`), each with what it leads to when it is asked the second time.
const KINDS: [(&str, &[&str]); 5] = [
    ("inner", &["192.168.77.11", "2600:1901:77::11"]),
    ("mixed", &["192.168.77.11", PUBLIC[0], PUBLIC[1]]),
    ("flip", &["127.0.0.1", "192.168.77.11", "2600:1901:77::11"]),
    ("cname", &["192.168.77.11", "2600:1901:77::11"]),
    ("meta", &["169.254.169.254", "fd00:ec2::254"]),
];

fn names(bait: &Bait) -> Vec<(String, Vec<IpAddr>)> {
    let Some(ground) = &bait.ground else {
        return Vec::new();
    };
    let kinds = KINDS.iter();
    let kinds = kinds.map(|(kind, leads_to)| (ground.name(kind), parsed(leads_to)));
    kinds.collect()
}

pub const PROBE: Probe = Probe {
    asks: "does a name lead past the fence?",
    threats: &["NET-29", "NET-31"],
    expect: Expect::Exactly(|bait| {
        let mut seen = Seen::default();
        for (name, addresses) in names(bait) {
            for address in addresses {
                let public = parsed(&PUBLIC).contains(&address);
                for way in ["tcp", "udp"] {
                    let act = match public {
                        true => Act::Reached,
                        false => Act::errno(fence(way, address)),
                    };
                    let act = carried(bait, address, act);
                    seen.add(format!("{way} {name} {address}"), act);
                }
            }
        }
        seen
    }),
    attempt: |bait| {
        let mut seen = Seen::default();
        let port = bait.ground.as_ref().map_or(0, |ground| ground.port);
        for (name, _) in names(bait) {
            // A name that changes its mind does so now.
            let _ = led_to(&name);
            match led_to(&name) {
                Err(act) => seen.add(name, act),
                Ok(addresses) => {
                    for address in addresses {
                        seen.add(format!("tcp {name} {address}"), tcp(address, port));
                        seen.add(format!("udp {name} {address}"), udp(address, port));
                    }
                }
            }
        }
        seen
    },
    ..FENCED
};
