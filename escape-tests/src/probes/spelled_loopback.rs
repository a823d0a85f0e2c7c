//! The C library reads an address in parts, octal, hexadecimal or as one number: on `none` each is this sandbox's own
//! loopback.   (threats: NET-01, NET-28)
use crate::harness::network;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it reach the host's loopback by a spelling of the C library?",
    threats: &["NET-01", "NET-28"],
    behind: &[Guard::NetNamespace],
    tiers: &[Tier::None],
    also_as_root: true,
    expect: Expect::Refused(Errno::ECONNREFUSED),
    attempt: network::spelled,
    harmed: network::heard,
    ..Probe::USUAL
};
