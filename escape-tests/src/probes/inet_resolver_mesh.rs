//! The host has its resolver in a mesh: at an address of Tailscale.
//!   (threats: NET-30)
use super::inet_resolver::{attempt, expected};
use crate::harness::network::ON_INET;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "is more of a resolver in a mesh reachable than names?",
    threats: &["NET-30"],
    networks: Some(Resolver::Mesh),
    expect: Expect::Exactly(expected),
    attempt,
    ..ON_INET
};
