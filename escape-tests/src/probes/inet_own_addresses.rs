//! The host listens at its own addresses on each network that it is in, and a packet to them never leaves it.   (threats: NET-22)
use crate::harness::network;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does `inet` reach the host at its own addresses?",
    threats: &["NET-22"],
    expect: Expect::Exactly(|bait| network::fenced(bait, "NET-22")),
    attempt: |bait| network::reach(bait, "NET-22"),
    ..network::FENCED
};
