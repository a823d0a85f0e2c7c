//! One address has many spellings, and a filter that compares text knows one of them.   (threats: NET-28)
use crate::harness::network;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does another spelling of an address pass the fence?",
    threats: &["NET-28"],
    expect: Expect::Refused(Errno::ECONNREFUSED),
    attempt: |bait| {
        let mut seen = network::reach(bait, "NET-28");
        seen.0.extend(network::spelled(bait).0);
        seen
    },
    ..network::FENCED
};
