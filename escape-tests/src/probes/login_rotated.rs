//! A bind mount of a file stays with the file of before when the host renames a new one into its place: the session would go
//! on with a token that is spent.   (threats: CRED-07)
use crate::harness::login;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does it go on with a login that the host has replaced?",
    threats: &["CRED-07"],
    before: Some(|lab| login::give(lab, "old", 8)),
    expect: Expect::Exactly(|_| Seen::one("the login", Act::saw("old"))),
    attempt: |bait| Seen::one("the login", login::seen(&bait.home)),
    then: &[
        Then::Host(|lab| login::give(lab, "new", 9)),
        Then::Session(Session {
            expect: Expect::Exactly(|_| Seen::one("the login", Act::saw("new"))),
            attempt: |bait| Seen::one("the login", login::seen(&bait.home)),
            ..Session::USUAL
        }),
    ],
    harmed: |bait| login::is_not(&bait.home, "new"),
    ..Probe::USUAL
};
