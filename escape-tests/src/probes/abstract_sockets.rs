//! An abstract socket has a name and no path, so no mount can hide it: X11 and D-Bus listen on such (CVE-2020-15257). On
//! `full` Landlock hides it, else another network namespace.   (threats: SOCK-02, SOCK-08, KRN-17)
use crate::harness::bait::ATTACK;
use crate::harness::{inside, trial};
use crate::probe::*;

/// Where another network namespace has other sockets nobody listens; where Landlock scopes them they are forbidden.
pub(super) fn denied(bait: &Bait) -> Act {
    Act::errno(if bait.tier != Tier::Full {
        Errno::ECONNREFUSED
    } else {
        Errno::EPERM
    })
}

pub const PROBE: Probe = Probe {
    asks: "can it speak to an abstract socket of the host?",
    threats: &["SOCK-02", "SOCK-08", "KRN-17"],
    behind: &[Guard::AbstractSockets, Guard::NetNamespace],
    harmless: true,
    walls: true,
    needs: &[Need::LandlockScopes],
    expect: Expect::Exactly(|bait| Seen::one("connect(2)", denied(bait))),
    attempt: |bait| {
        Seen::one(
            "connect(2)",
            inside::converse(trial::abstract_socket(bait), ATTACK),
        )
    },
    harmed: |bait| bait.attack_heard("abstract socket"),
    also_as_root: true,
    ..Probe::USUAL
};
