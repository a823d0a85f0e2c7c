//! Discovery goes to everyone on the link at once, and the answers tell who is there.   (threats: NET-32)
use crate::harness::network;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does `inet` reach a group, or all on the link?",
    threats: &["NET-32"],
    expect: Expect::Exactly(|bait| network::fenced(bait, "NET-32")),
    attempt: |bait| network::reach(bait, "NET-32"),
    ..network::FENCED
};
