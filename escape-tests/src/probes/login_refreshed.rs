//! Claude Code refreshes its tokens, which are good for one use, and puts the new ones in place by a rename: on the host they
//! must be there when the session ends, or the host is logged out.   (threats: CRED-06, CRED-07)
use std::fs;

use crate::harness::need::Unbuilt;
use crate::probe::*;

const REFRESHED: &str =
    r#"{"claudeAiOauth":{"accessToken":"new","refreshToken":"new","expiresAt":9999999999999}}"#;

pub const PROBE: Probe = Probe {
    asks: "is a login that was refreshed inside lost?",
    threats: &["CRED-06", "CRED-07"],
    needs: &[Need::Unbuilt(Unbuilt::LoginStore)],
    expect: Expect::Reached,
    attempt: |bait| {
        let folder = bait.home.join(".claude");
        let new = folder.join("new");
        let renamed = fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&new, REFRESHED))
            .and_then(|()| fs::rename(&new, folder.join(".credentials.json")));
        Seen::one("renamed", Act::of(renamed))
    },
    harmed: |bait| {
        let login = fs::read_to_string(bait.home.join(".claude/.credentials.json"));
        let kept = login.is_ok_and(|login| login == REFRESHED);
        (!kept).then(|| "the refreshed login is not on the host".into())
    },
    ..Probe::USUAL
};
