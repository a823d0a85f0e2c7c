//! A proxy of the host's network is a way round a fence that is made of variables: the caller's name one, none of them comes in,
//! and the same is out of reach.   (threats: NET-43)
use crate::harness::{inside, network};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does a proxy variable lead out of the fence?",
    threats: &["NET-43"],
    expect: Expect::Exactly(|bait| {
        let fenced = network::fenced(bait, "NET-22");
        fenced.and("HTTP_PROXY", Act::Absent)
    }),
    attempt: |bait| {
        let reached = network::reach(bait, "NET-22");
        reached.and("HTTP_PROXY", inside::variable("HTTP_PROXY"))
    },
    ..network::FENCED
};
