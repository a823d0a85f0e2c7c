//! A helper that forwards ports makes what listens inside a service of the host's, on all its networks (M-12). The attempt
//! listens; from outside it is called all the while.   (threats: NET-39)
use crate::harness::network;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "is what listens inside reachable from the host on `none`?",
    threats: &["NET-39"],
    behind: &[Guard::NetNamespace],
    tiers: &[Tier::None],
    also_as_root: true,
    expect: Expect::Exactly(|_| network::nobody_called()),
    attempt: network::listen,
    meanwhile: network::call,
    ..Probe::USUAL
};
