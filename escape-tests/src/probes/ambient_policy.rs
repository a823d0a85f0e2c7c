//! A variable of the caller that steers claudebox, CLAUDEBOX_NETWORK=full, may lie in any shell profile. Whoever asks for
//! `none` by a flag gets it.   (threats: ENV-10, CFG-10)
use std::fs;

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does a variable of the caller widen what a flag has narrowed?",
    threats: &["ENV-10", "CFG-10"],
    behind: &[Guard::NetNamespace],
    tiers: &[Tier::None],
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::one("tier", Act::saw("none")).and("a network namespace of its own", Act::saw(true))
    }),
    attempt: |bait| {
        let tier = std::env::var("CLAUDEBOX").unwrap_or_default();
        let own = fs::read_link("/proc/self/ns/net")
            .is_ok_and(|link| link.to_string_lossy() != bait.namespaces["net"].as_str());
        Seen::one("tier", Act::saw(tier)).and("a network namespace of its own", Act::saw(own))
    },
    ..Probe::USUAL
};
