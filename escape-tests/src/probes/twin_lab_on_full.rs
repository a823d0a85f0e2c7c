//! On `full` a session reaches what the host reaches, and the lab of networks hears it: every listener that must be silent on
//! `inet` and `none` is there, and counts.
use crate::harness::network;
use crate::probe::*;

fn all(of_row: impl Fn(&str) -> Seen) -> Seen {
    let rows = network::rows().into_iter();
    Seen(
        rows.flat_map(|row| of_row(row).renamed(|what| format!("{row} {what}")).0)
            .collect(),
    )
}

pub const PROBE: Probe = Probe {
    asks: "is every listener of the lab of networks reached on `full`?",
    tiers: &[Tier::Full],
    expect: Expect::Exactly(|bait| all(|row| network::open(bait, row))),
    attempt: |bait| all(|row| network::reach(bait, row)),
    harmed: |_| None,
    needs: &[Need::NetworkLab],
    ..network::ON_INET
};
