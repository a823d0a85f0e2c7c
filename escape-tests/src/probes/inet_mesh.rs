//! A mesh network has addresses of carrier-grade NAT, which no list of private ranges holds.   (threats: NET-25)
use crate::harness::network;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does `inet` reach a mesh network?",
    threats: &["NET-25"],
    expect: Expect::Exactly(|bait| network::fenced(bait, "NET-25")),
    attempt: |bait| network::reach(bait, "NET-25"),
    ..network::FENCED
};
