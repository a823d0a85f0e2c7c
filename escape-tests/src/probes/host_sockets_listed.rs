//! The tables of sockets in /proc/net tell which services the host runs and whom it talks to.   (threats: NET-47, SOCK-02)
use std::fs;

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "are the sockets of the host listed on `none`?",
    threats: &["NET-47", "SOCK-02"],
    behind: &[Guard::NetNamespace],
    harmless: true,
    tiers: &[Tier::None],
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::each(["tcp", "udp", "unix"], |_| {
            Act::saw("the neighbour is not listed")
        })
    }),
    attempt: |bait| {
        let neighbour = &bait.neighbour;
        let rows = [
            ("tcp", format!(" 0100007F:{:04X} ", neighbour.port)),
            ("udp", format!(" 0100007F:{:04X} ", neighbour.udp_port)),
            ("unix", format!("@{}", neighbour.abstract_name)),
        ];
        let mut seen = Seen::default();
        for (table, row) in rows {
            let act = match fs::read_to_string(format!("/proc/net/{table}")) {
                Ok(text) if text.contains(&row) => Act::saw("the neighbour is listed"),
                Ok(_) => Act::saw("the neighbour is not listed"),
                Err(error) => Act::of::<()>(Err(error)),
            };
            seen.add(table, act);
        }
        seen
    },
    ..Probe::USUAL
};
