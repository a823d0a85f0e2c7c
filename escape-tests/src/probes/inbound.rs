//! A helper that forwards ports makes what listens inside a service of the host's, on all its networks (M-12). The attempt
//! listens; from outside it is called all the while.   (threats: NET-39)
use crate::harness::network_outside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "is what listens inside reachable from the host on `none`?",
    threats: &["NET-39"],
    behind: &[Guard::NetNamespace],
    tiers: &[Tier::None],
    also_as_root: true,
    expect: Expect::Exactly(|_| network_outside::nobody_called()),
    attempt: network_outside::listen,
    meanwhile: network_outside::call,
    ..Probe::USUAL
};
