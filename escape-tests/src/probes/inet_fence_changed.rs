//! The fence belongs to a namespace that the agent has no capability over: no address, route, device or table can be changed,
//! and the same is out of reach afterwards (M-13).   (threats: NET-34)
use crate::harness::{network, network_change};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it change the fence?",
    threats: &["NET-34"],
    expect: Expect::Exactly(|bait| {
        let mut seen = network_change::refused(bait);
        seen.0.extend(network::fenced(bait, "NET-23").0);
        seen
    }),
    attempt: |bait| {
        let mut seen = network_change::attempt(bait);
        seen.0.extend(network::reach(bait, "NET-23").0);
        seen
    },
    ..network::ON_INET
};
