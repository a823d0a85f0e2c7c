//! A proxy of the host's network is a way round the fence where the fence believes in variables: with them and without, the
//! same is out of reach.   (threats: NET-43)
use std::ffi::OsString;

use crate::harness::{inside, network};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does a proxy variable lead out of the fence?",
    threats: &["NET-43"],
    grants: |bait| {
        let proxy = format!("ALL_PROXY=http://127.0.0.1:{}", bait.neighbour.port);
        vec!["--env".into(), OsString::from(proxy)]
    },
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
