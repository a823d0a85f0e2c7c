//! A fence that is loaded while the agent runs already is open for a moment: from its first instruction on the agent tries to
//! get out.   (threats: NET-36)
use std::net::IpAddr;

use crate::harness::network;
use crate::probe::*;

/// How often each address is tried.
const ROUNDS: usize = 10;

/// The host's own addresses and its neighbours, again and again.
fn tries(bait: &Bait) -> impl Iterator<Item = (String, IpAddr)> {
    let mut addresses = network::addresses(bait, "NET-22");
    addresses.extend(network::addresses(bait, "NET-26"));
    (0..ROUNDS).flat_map(move |round| {
        let addresses = addresses.clone().into_iter();
        addresses.map(move |address| (format!("{round}: {address}"), address))
    })
}

pub const PROBE: Probe = Probe {
    asks: "is the fence open at first?",
    threats: &["NET-36"],
    expect: Expect::Exactly(|bait| {
        let refused = |(name, address)| (name, network::answered(bait, "tcp", address));
        Seen(tries(bait).map(refused).collect())
    }),
    attempt: |bait| {
        let port = bait.ground.as_ref().map_or(0, |ground| ground.port);
        let tried = |(name, address)| (name, network::tcp(address, port));
        Seen(tries(bait).map(tried).collect())
    },
    ..network::ON_INET
};
