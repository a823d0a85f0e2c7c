//! An agent for keys signs for whoever connects, though the keys themselves are hidden. Without `--with-ssh` there is none.
//!   (threats: CRED-15)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it have something signed as the user?",
    threats: &["CRED-15"],
    behind: &[
        Guard::HomeHidden,
        Guard::HostHidden,
        Guard::TmpPrivate,
        Guard::EnvAllowlist,
    ],
    also_as_root: true,
    expect: Expect::Absent,
    attempt: |bait| {
        inside::knock_at_all(bait, "SOCK-07")
            .and("SSH_AUTH_SOCK", inside::variable("SSH_AUTH_SOCK"))
            .and("GPG_AGENT_INFO", inside::variable("GPG_AGENT_INFO"))
            // Where a forwarded one would listen.
            .and(
                "forwarded",
                inside::knock("/run/claudebox/ssh-agent".as_ref(), &bait.word()),
            )
    },
    harmed: Bait::word_heard,
    ..Probe::USUAL
};
