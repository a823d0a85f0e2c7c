//! A bind mount of a file stays with the file of before when the host renames a new one into its place: the session would go
//! on with a token that is spent.   (threats: CRED-07)
use std::fs;

use crate::harness::need::Unbuilt;
use crate::probe::*;

const ROTATED: &str = "a new login of the host";

fn login(bait: &Bait) -> Seen {
    let text = fs::read_to_string(bait.home.join(".claude/.credentials.json"));
    let act = text.map_or(Act::saw("no login"), |text| Act::saw(text.trim()));
    Seen::one("the login", act)
}

pub const PROBE: Probe = Probe {
    asks: "does it go on with a login that the host has replaced?",
    threats: &["CRED-07"],
    needs: &[Need::Unbuilt(Unbuilt::LoginStore)],
    expect: Expect::Exactly(|bait| {
        let path = bait.home.join(".claude/.credentials.json");
        let content = crate::harness::bait::content_of(&path, &bait.mark);
        Seen::one("the login", Act::saw(content.trim()))
    }),
    attempt: login,
    then: &[
        Then::Host(|lab| {
            let folder = lab.bait.home.join(".claude");
            fs::write(folder.join("new"), ROTATED)?;
            lab.give(&folder.join("new"))?;
            fs::rename(folder.join("new"), folder.join(".credentials.json"))
        }),
        Then::Session(Session {
            expect: Expect::Exactly(|_| Seen::one("the login", Act::saw(ROTATED))),
            attempt: login,
            ..Session::USUAL
        }),
    ],
    ..Probe::USUAL
};
