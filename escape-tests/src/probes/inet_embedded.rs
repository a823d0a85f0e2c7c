//! An IPv6 address may hold an IPv4 one, which a translator on the way takes out again.   (threats: NET-27)
use crate::harness::network;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does `inet` reach a private address inside another?",
    threats: &["NET-27"],
    expect: Expect::Exactly(|bait| network::fenced(bait, "NET-27")),
    attempt: |bait| network::reach(bait, "NET-27"),
    ..network::FENCED
};
