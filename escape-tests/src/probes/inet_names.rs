//! A name that anyone may register answers with a private address, at once or the second time; names of the host's own
//! network answer at its own resolver alone. What a name leads to is fenced, whoever gave it.   (threats: NET-29, NET-31)
use crate::harness::network;
use crate::probe::*;

/// Names that lead inside, and those of hosts of containers and clouds.
const NAMES: [&str; 6] = [
    "host.docker.internal",
    "host.containers.internal",
    "metadata.google.internal",
    "instance-data",
    "_gateway",
    "wpad",
];

pub fn all(bait: &Bait) -> Vec<String> {
    let names = NAMES.map(str::to_owned).into_iter();
    names.chain([bait.hostname.clone()]).collect()
}

pub const PROBE: Probe = Probe {
    asks: "does `inet` resolve a name of the host's own network?",
    threats: &["NET-29", "NET-31"],
    expect: Expect::Exactly(|bait| Seen::each(all(bait), |_| Act::saw(""))),
    attempt: |bait| network::names(all(bait)),
    ..network::ON_INET
};
