//! The host has its resolver in its local network: the router, which is much else beside.
//!   (threats: NET-30)
use super::inet_resolver::{attempt, expected};
use crate::harness::network::ON_INET;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "is more of a resolver in the local network reachable than names?",
    threats: &["NET-30"],
    networks: Some(Resolver::Lan),
    expect: Expect::Exactly(expected),
    attempt,
    ..ON_INET
};
