//! Routers, printers and servers of the local network have private addresses.   (threats: NET-23)
use crate::harness::network;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does `inet` reach a private address?",
    threats: &["NET-23"],
    expect: Expect::Exactly(|bait| network::fenced(bait, "NET-23")),
    attempt: |bait| network::reach(bait, "NET-23"),
    ..network::FENCED
};
