//! A fence that was written for IPv4 leaves IPv6 open: the half of every row that is IPv6.   (threats: NET-38)
use crate::harness::network;
use crate::probe::*;

fn six(of_row: impl Fn(&str) -> Seen) -> Seen {
    let rows = network::rows().into_iter();
    let seen = rows.flat_map(|row| of_row(row).renamed(|what| format!("{row} {what}")).0);
    Seen(seen.filter(|(what, _)| what.contains(':')).collect())
}

pub const PROBE: Probe = Probe {
    asks: "is IPv6 open where IPv4 is fenced?",
    threats: &["NET-38"],
    expect: Expect::Exactly(|bait| six(|row| network::fenced(bait, row))),
    attempt: |bait| six(|row| network::reach(bait, row)),
    ..network::FENCED
};
