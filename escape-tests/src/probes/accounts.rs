//! The accounts of a host name its users and services. Inside there is the caller, and nobody.   (threats: FS-03)
use std::fs;

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does it learn the accounts of the host?",
    threats: &["FS-03"],
    behind: &[Guard::EtcGenerated],
    also_as_root: true,
    expect: Expect::Exactly(|bait| {
        let (user, uid) = (&bait.user, bait.inside_uid);
        Seen::one(
            "/etc/passwd",
            Act::saw(format!("{user}:{uid} nobody:65534")),
        )
        .and(
            "/etc/group",
            Act::saw(format!("{user}:{uid} nogroup:65534")),
        )
        .and("/etc/shadow", Act::Absent)
    }),
    attempt: |_| {
        let accounts = |path: &str| match fs::read_to_string(path) {
            Ok(text) => {
                let fields = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
                let named =
                    fields.map(|fields| format!("{}:{}", fields[0], fields.get(2).unwrap_or(&"")));
                Act::Saw(named.collect::<Vec<_>>().join(" "))
            }
            Err(error) => Act::of::<()>(Err(error)),
        };
        Seen::each(["/etc/passwd", "/etc/group", "/etc/shadow"], |path| {
            accounts(path)
        })
    },
    ..Probe::USUAL
};
