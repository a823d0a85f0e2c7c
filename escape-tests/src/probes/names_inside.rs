//! Names of the host, of its containers' gateway and of its cloud stand in no file, and on `none` nobody is asked.
//!   (threats: NET-02, NET-29, NET-31)
use crate::harness::network;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does a name of the host's own network resolve on `none`?",
    threats: &["NET-02", "NET-29", "NET-31"],
    behind: &[Guard::EtcGenerated],
    tiers: &[Tier::None],
    also_as_root: true,
    expect: Expect::Exactly(|bait| {
        Seen::each(super::inet_names::all(bait), |_| Act::saw(""))
            .and("the host's own name in /etc/hosts", Act::saw(false))
    }),
    attempt: |bait| {
        let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
        let named = hosts.split_whitespace().any(|word| word == bait.hostname);
        network::names(super::inet_names::all(bait))
            .and("the host's own name in /etc/hosts", Act::saw(named))
    },
    ..Probe::USUAL
};
