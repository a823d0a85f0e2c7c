//! Every kind of address that is not the public internet, and some that are: whatever route a host adds, on `none` there is
//! none to any of them.   (threats: NET-01, NET-20, NET-21, NET-22, NET-23, NET-24, NET-25, NET-26, NET-27, NET-28, NET-32, NET-38)
use crate::harness::network;
use crate::probe::*;

fn all(of_row: impl Fn(&str) -> Seen) -> Seen {
    let seen = network::rows().into_iter().flat_map(|row| {
        let seen = of_row(row).renamed(|what| format!("{row} {what}"));
        seen.0
    });
    Seen(seen.collect())
}

pub const PROBE: Probe = Probe {
    asks: "is there a way to any address on `none`?",
    threats: &[
        "NET-01", "NET-20", "NET-21", "NET-22", "NET-23", "NET-24", "NET-25", "NET-26", "NET-27",
        "NET-28", "NET-32", "NET-38",
    ],
    behind: &[Guard::NetNamespace],
    tiers: &[Tier::None],
    also_as_root: true,
    expect: Expect::Exactly(|bait| all(|row| network::nowhere(bait, row))),
    attempt: |bait| all(|row| network::reach(bait, row)),
    harmed: network::heard,
    ..Probe::USUAL
};
