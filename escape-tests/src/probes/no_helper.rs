//! On `none` there is no way out for the agent's own traffic either: no helper listens inside, and no variable names one.
//!   (threats: NET-08)
use std::fs;

use crate::harness::inside;
use crate::probe::*;

/// As the kernel writes a socket that listens (include/net/tcp_states.h: TCP_LISTEN).
const LISTENS: &str = "0A";

pub const PROBE: Probe = Probe {
    asks: "does a helper or a proxy listen inside on `none`?",
    threats: &["NET-08"],
    behind: &[Guard::NetNamespace, Guard::EnvAllowlist],
    tiers: &[Tier::None],
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::one("tcp", Act::saw(0))
            .and("tcp6", Act::saw(0))
            .and("HTTP_PROXY", Act::Absent)
            .and("ALL_PROXY", Act::Absent)
            .and("ANTHROPIC_BASE_URL", Act::Absent)
    }),
    attempt: |_| {
        let listeners = |table: &str| match fs::read_to_string(format!("/proc/net/{table}")) {
            Ok(text) => {
                let states = text
                    .lines()
                    .filter_map(|line| line.split_whitespace().nth(3));
                Act::saw(states.filter(|state| *state == LISTENS).count())
            }
            Err(error) => Act::of::<()>(Err(error)),
        };
        let variables = ["HTTP_PROXY", "ALL_PROXY", "ANTHROPIC_BASE_URL"];
        let seen = Seen::each(["tcp", "tcp6"], |table| listeners(table));
        variables
            .iter()
            .fold(seen, |seen, name| seen.and(name, inside::variable(name)))
    },
    ..Probe::USUAL
};
