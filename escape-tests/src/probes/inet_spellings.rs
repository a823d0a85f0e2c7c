//! One address has many spellings, and a filter that compares text knows one of them.   (threats: NET-28)
use crate::harness::network;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does another spelling of an address pass the fence?",
    threats: &["NET-28"],
    expect: Expect::Exactly(|bait| {
        let mut seen = network::fenced(bait, "NET-28");
        let spelled = network::SPELLINGS.map(|one| (one.to_owned(), Errno::ECONNREFUSED));
        seen.0
            .extend(spelled.map(|(one, errno)| (one, Act::errno(errno))));
        seen
    }),
    attempt: |bait| {
        let mut seen = network::reach(bait, "NET-28");
        seen.0.extend(network::spelled(bait).0);
        seen
    },
    ..network::ON_INET
};
