//! A single datagram may name its device beside its data (IP_PKTINFO, IPV6_PKTINFO).   (threats: NET-23, NET-26)
use crate::harness::network::{FENCED, reach_by, refused_by};
use crate::harness::packets::udp_by_device_number;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does a datagram that names its device pass the fence?",
    threats: &["NET-23", "NET-26"],
    expect: Expect::Exactly(|bait| refused_by(bait, "udp", |_| Errno::EPERM)),
    attempt: |bait| reach_by(bait, "udp", udp_by_device_number),
    ..FENCED
};
