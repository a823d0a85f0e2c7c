//! Claude Code refreshes its tokens, which are good for one use, and puts the new ones in place by a rename: on the host they
//! must be there when the session ends, or the host is logged out.   (threats: CRED-06, CRED-07)
use std::fs;

use crate::harness::login;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "is a login that was refreshed inside lost?",
    threats: &["CRED-06", "CRED-07"],
    before: Some(|lab| login::give(lab, "of-the-host", 8)),
    expect: Expect::Reached,
    attempt: |bait| {
        let folder = bait.home.join(".claude");
        let new = folder.join("new");
        let renamed = fs::write(&new, login::text("refreshed", 9))
            .and_then(|()| fs::rename(&new, bait.home.join(login::LOGIN)));
        Seen::one("renamed", Act::of(renamed))
    },
    harmed: |bait| login::is_not(&bait.home, "refreshed"),
    ..Probe::USUAL
};
