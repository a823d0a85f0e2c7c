//! A user-mode stack forwards the sandbox's loopback to the host's, unless it is told not to (M-11).   (threats: NET-20)
use crate::harness::network;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does `inet` reach the host's loopback?",
    threats: &["NET-20"],
    expect: Expect::Exactly(|bait| network::fenced(bait, "NET-20")),
    attempt: |bait| network::reach(bait, "NET-20"),
    behind: &[Guard::HelperClosed],
    ..network::ON_INET
};
