//! An editor's lock file tells a port on the loopback and the token that opens it. The file does not enter; the port is out of
//! reach on `none`, and reachable on `full` as every port is.   (threats: CRED-11, NET-46)
use crate::harness::bait::ATTACK;
use crate::harness::{inside, trial};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it find the port and the token of an editor?",
    threats: &["CRED-11", "NET-46"],
    behind: &[Guard::HomeHidden, Guard::NetNamespace],
    also_as_root: true,
    expect: Expect::Exactly(|bait| {
        let port = if bait.tier == Tier::None {
            Act::errno(Errno::ECONNREFUSED)
        } else {
            Act::Reached
        };
        Seen::one("~/.claude/ide", Act::Absent)
            .and("the lock", Act::Absent)
            .and("the port", port)
    }),
    attempt: |bait| {
        let folder = bait.home.join(".claude/ide");
        Seen::one("~/.claude/ide", inside::read(&folder))
            .and("the lock", inside::read(&folder.join("48123.lock")))
            .and("the port", inside::converse(trial::tcp(bait), ATTACK))
    },
    harmed: |bait| {
        bait.attack_heard("TCP port")
            .filter(|_| bait.tier == Tier::None)
    },
    ..Probe::USUAL
};
