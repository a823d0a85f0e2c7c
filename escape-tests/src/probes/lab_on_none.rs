//! Every address of the lab of networks, where something listens at each: on `none` there is no way to any, and nobody hears
//! anything.   (threats: NET-01, NET-02, NET-26, NET-33)
use crate::harness::network;
use crate::probe::*;

fn all(of_row: impl Fn(&str) -> Seen) -> Seen {
    let rows = network::rows().into_iter();
    Seen(
        rows.flat_map(|row| of_row(row).renamed(|what| format!("{row} {what}")).0)
            .collect(),
    )
}

/// The resolvers that the host may have (`network_lab::entrance`).
const RESOLVERS: [&str; 3] = ["127.0.0.53", "192.168.77.1", "100.100.100.100"];

pub const PROBE: Probe = Probe {
    asks: "does anyone in the lab of networks hear of a session on `none`?",
    threats: &["NET-01", "NET-02", "NET-26", "NET-33"],
    behind: &[Guard::NetNamespace],
    tiers: &[Tier::None],
    expect: Expect::Exactly(|bait| {
        let reached = all(|row| network::nowhere(bait, row));
        let asked = RESOLVERS.map(|resolver| match resolver {
            "127.0.0.53" => (resolver.to_owned(), Act::errno(Errno::ECONNREFUSED)),
            _ => (resolver.to_owned(), Act::errno(Errno::ENETUNREACH)),
        });
        let mut seen = Seen(reached.0.into_iter().chain(asked).collect());
        seen.add("a name", Act::Absent);
        seen
    }),
    attempt: |bait| {
        let mut seen = all(|row| network::reach(bait, row));
        for resolver in RESOLVERS {
            let address = resolver.parse();
            let act = address.map(|address| network::tcp(address, 53));
            seen.add(
                resolver,
                act.unwrap_or_else(|_| Act::Broken("no address".into())),
            );
        }
        let name = bait.ground.as_ref().map(|ground| ground.name("inner"));
        let found = name.map(|name| network::led_to(&name));
        seen.and(
            "a name",
            match found {
                Some(Ok(_)) => Act::Reached,
                Some(Err(act)) => act,
                None => Act::Broken("the trial is not in the lab".into()),
            },
        )
    },
    needs: &[Need::NetworkLab],
    ..network::ON_INET
};
