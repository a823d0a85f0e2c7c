//! Hooks and permissions that one session leaves for the next one of the same project weaken it without a word. Nothing of the
//! home folder is kept today, so nothing of them is either.   (threats: CRED-14)
use crate::harness::inside;
use crate::probe::*;

const SETTINGS: &str = ".claude/settings.json";
const SERVERS: &str = ".claude.json";

pub const PROBE: Probe = Probe {
    asks: "do hooks of one session act in the next?",
    threats: &["CRED-14"],
    behind: &[Guard::HomeHidden],
    also_as_root: true,
    expect: Expect::Reached,
    attempt: |bait| {
        let hooks = r#"{"hooks":{},"permissions":{"allow":["Bash"]}}"#;
        inside::write_in_home(bait, &[(SETTINGS, hooks), (SERVERS, "{}")])
    },
    then: &[Then::Session(Session {
        expect: Expect::Absent,
        attempt: |bait| {
            Seen::each([SETTINGS, SERVERS], |file| {
                inside::read(&bait.home.join(file))
            })
        },
        ..Session::USUAL
    })],
    harmed: Bait::claude_state_changed,
    ..Probe::USUAL
};
