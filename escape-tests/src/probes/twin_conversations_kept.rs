//! A conversation is there when the user comes back to the project.
use crate::harness::inside;
use crate::probe::*;

const CONVERSATION: &str = ".claude/projects/app/0.jsonl";

pub const PROBE: Probe = Probe {
    asks: "is a conversation there in the next session of the project?",
    expect: Expect::Reached,
    attempt: |bait| inside::write_in_home(bait, &[(CONVERSATION, "a conversation")]),
    then: &[Then::Session(Session {
        expect: Expect::Exactly(|_| Seen::one(CONVERSATION, Act::saw("a conversation"))),
        attempt: |bait| {
            let kept = std::fs::read_to_string(bait.home.join(CONVERSATION));
            Seen::one(CONVERSATION, kept.map_or(Act::saw("it is gone"), Act::saw))
        },
        ..Session::USUAL
    })],
    ..Probe::USUAL
};
