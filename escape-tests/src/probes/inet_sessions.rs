//! Two sessions of one user run at once, each behind a helper of its own. Neither is at any address of the other's.
//!   (threats: NET-40)
use crate::harness::network::{ON_INET, addresses, answered, tcp, udp};
use crate::network_lab::map::OWN;
use crate::probe::*;

/// Its port at every address of the host: a helper that forwards listens there.
fn each(bait: &Bait, act: impl Fn(&str, std::net::IpAddr) -> Act) -> Seen {
    let mut seen = Seen::default();
    let mut all = addresses(bait, "NET-20");
    all.extend(crate::network_lab::map::parsed(&OWN));
    for address in all {
        for way in ["tcp", "udp"] {
            seen.add(format!("{way} {address}"), act(way, address));
        }
    }
    seen
}

pub const PROBE: Probe = Probe {
    asks: "can a session on `inet` speak to a server of another?",
    threats: &["NET-40"],
    in_company: true,
    expect: Expect::Exactly(|bait| each(bait, |way, address| answered(bait, way, address))),
    attempt: |bait| {
        each(bait, |way, address| match (&bait.company, way) {
            (None, _) => Act::Broken("there is no other session".into()),
            (Some(other), "tcp") => tcp(address, other.port),
            (Some(other), _) => udp(address, other.udp_port),
        })
    },
    harmed: |bait| {
        bait.company_heard()
            .or_else(|| crate::harness::network::heard(bait))
    },
    ..ON_INET
};
