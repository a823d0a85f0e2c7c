//! A fence that is loaded while the agent runs already is open for a moment: from its first instruction on the agent tries to
//! get out.   (threats: NET-36)
use crate::harness::network;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "is the fence open at first?",
    threats: &["NET-36"],
    expect: Expect::Refused(Errno::EHOSTUNREACH),
    attempt: |bait| {
        let addresses = network::addresses(bait, "NET-22");
        let tries = 0..200;
        Seen::each(tries, |number| {
            match addresses.get(number % addresses.len().max(1)) {
                Some(address) => network::tcp(*address, bait.neighbour.port),
                None => Act::Broken("the host has no address".into()),
            }
        })
    },
    ..network::FENCED
};
