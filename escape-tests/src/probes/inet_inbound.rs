//! A user-mode stack forwards ports into the sandbox unless it is told not to, for the host and for its whole network
//! (M-12).   (threats: NET-39)
use crate::harness::{network, network_outside};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "is what listens inside reachable from the host on `inet`?",
    threats: &["NET-39"],
    expect: Expect::Exactly(|_| network_outside::nobody_called()),
    attempt: network_outside::listen,
    meanwhile: network_outside::call,
    behind: &[Guard::HelperClosed],
    ..network::ON_INET
};
