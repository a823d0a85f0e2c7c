//! Conversations are kept, and whoever finds those of another project reads what was said and pasted there.
//!   (threats: CRED-13, MNT-16)
use crate::harness::inside;
use crate::probe::*;

const CONVERSATION: &str = ".claude/projects/app/0.jsonl";
const HISTORY: &str = ".claude/history.jsonl";

pub const PROBE: Probe = Probe {
    asks: "can it read what the agent of another project keeps?",
    threats: &["CRED-13", "MNT-16"],
    behind: &[Guard::StatePerProject],
    also_as_root: true,
    expect: Expect::Reached,
    attempt: |bait| {
        inside::write_in_home(
            bait,
            &[(CONVERSATION, "a conversation"), (HISTORY, "a prompt")],
        )
    },
    then: &[
        // It is there for this one: there is something to find.
        Then::Session(Session {
            attempt: |bait| {
                Seen::each([CONVERSATION, HISTORY], |file| {
                    inside::read(&bait.home.join(file))
                })
            },
            ..Session::USUAL
        }),
        Then::Session(Session {
            in_other_project: true,
            expect: Expect::Absent,
            attempt: |bait| {
                Seen::each([CONVERSATION, HISTORY], |file| {
                    inside::read(&bait.home.join(file))
                })
            },
            ..Session::USUAL
        }),
    ],
    harmed: Bait::claude_state_changed,
    ..Probe::USUAL
};
