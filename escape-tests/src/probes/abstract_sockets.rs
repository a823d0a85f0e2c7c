//! An abstract socket has a name and no path, so no mount can hide it: X11 and D-Bus listen on such (CVE-2020-15257). On
//! `none` another network namespace hides it; on `full` Landlock does.   (threats: SOCK-02, SOCK-08, KRN-17)
use crate::harness::bait::ATTACK;
use crate::harness::{inside, trial};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it speak to an abstract socket of the host?",
    threats: &["SOCK-02", "SOCK-08", "KRN-17"],
    behind: &[Guard::AbstractSockets, Guard::NetNamespace],
    harmless: true,
    walls: true,
    needs: &[Need::LandlockScopes],
    expect: Expect::Exactly(|bait| {
        let errno = if bait.tier == Tier::None {
            Errno::ECONNREFUSED
        } else {
            Errno::EPERM
        };
        Seen::one("connect(2)", Act::errno(errno))
    }),
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
