//! A socket that the caller left open speaks in the network where it was made, whatever fence stands around the session.
//!   (threats: PROC-05, NET-05)
use super::descriptors;
use crate::harness::network::ON_INET;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does a socket of the host cross on `inet`?",
    threats: &["PROC-05", "NET-05"],
    behind: &[Guard::DescriptorsClosed],
    expect: descriptors::PROBE.expect,
    attempt: descriptors::PROBE.attempt,
    ..ON_INET
};
