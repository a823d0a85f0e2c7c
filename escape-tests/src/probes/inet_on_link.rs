//! A neighbour on the host's own link may have a global address: what is private is said by the routes, not by the number.   (threats: NET-26)
use crate::harness::network;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does `inet` reach a neighbour with a global address?",
    threats: &["NET-26"],
    expect: Expect::Exactly(|bait| network::fenced(bait, "NET-26")),
    attempt: |bait| network::reach(bait, "NET-26"),
    ..network::FENCED
};
