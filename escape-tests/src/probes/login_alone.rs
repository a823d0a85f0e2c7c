//! Beside the login of Claude Code its file holds those of MCP servers, and the folder all else that the host's client keeps. With
//! the login none of that comes along.   (threats: CRED-01, CRED-02)
use std::fs;

use crate::harness::{inside, login};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does anything else come along with the login?",
    threats: &["CRED-01", "CRED-02"],
    behind: &[Guard::LoginStore],
    also_as_root: true,
    before: Some(|lab| login::give(lab, "of-the-host", 8)),
    expect: Expect::Exactly(|_| {
        Seen::one("the login", Act::saw("of-the-host")).and("more", Act::saw("0"))
    }),
    attempt: |bait| {
        let found = inside::walk(&bait.home.join(".claude"), &|_| false).unwrap_or_default();
        let canaries = found
            .iter()
            .filter(|path| fs::read(path).is_ok_and(|text| bait.canaries_in(&text) > 0));
        Seen::one("the login", login::seen(&bait.home)).and("more", Act::saw(canaries.count()))
    },
    ..Probe::USUAL
};
