//! An editor opens, writes and runs what is asked for at its socket, and so does a remote development server.   (threats: SOCK-11)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it speak to an editor?",
    threats: &["SOCK-11"],
    behind: &[
        Guard::HomeHidden,
        Guard::HostHidden,
        Guard::TmpPrivate,
        Guard::EnvAllowlist,
    ],
    also_as_root: true,
    expect: Expect::Absent,
    attempt: |bait| {
        inside::knock_at_all(bait, "SOCK-11")
            .and(
                "VSCODE_IPC_HOOK_CLI",
                inside::variable("VSCODE_IPC_HOOK_CLI"),
            )
            .and("GIT_ASKPASS", inside::variable("GIT_ASKPASS"))
    },
    harmed: Bait::word_heard,
    ..Probe::USUAL
};
