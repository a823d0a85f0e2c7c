//! A name that resolves is a channel: whoever may ask for SECRET.attacker.example has told the secret.   (threats: NET-02, SOCK-12)
use std::fs;

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does any module or server resolve names on `none`?",
    threats: &["NET-02", "SOCK-12"],
    behind: &[Guard::NoResolvers],
    harmless: true,
    tiers: &[Tier::None],
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::one("hosts modules", Act::saw("files")).and("name servers", Act::saw(""))
    }),
    attempt: |_| {
        let words = |path: &str, key: &str| match fs::read_to_string(path) {
            Ok(text) => {
                let values = text
                    .lines()
                    .filter_map(|line| Some(line.trim().strip_prefix(key)?.trim().to_owned()));
                Act::Saw(values.collect::<Vec<_>>().join(" "))
            }
            Err(error) => Act::of::<()>(Err(error)),
        };
        Seen::one("hosts modules", words("/etc/nsswitch.conf", "hosts:"))
            .and("name servers", words("/etc/resolv.conf", "nameserver"))
    },
    ..Probe::USUAL
};
