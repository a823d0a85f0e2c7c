//! The closed world of variables: the set of names is the allowlist, not a subset and not one more.   (threats: ENV-01, ENV-06, ENV-07)
use crate::probe::*;

/// What claudebox makes, what the host has of the allowlist (see `lab::environment`), what was asked for. Written out, not
/// taken from the launcher: a list that judges itself holds whatever it says.
const NAMES: [&str; 14] = [
    "HOME",
    "USER",
    "LOGNAME",
    "PATH",
    "SHELL",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "CLAUDEBOX",
    "IS_SANDBOX",
    "DISABLE_AUTOUPDATER",
    "TERM",
    "LANG",
    "EDITOR",
    "PROBE_ASKED_FOR",
];

pub const PROBE: Probe = Probe {
    asks: "is the environment exactly the allowlist?",
    threats: &["ENV-01", "ENV-06", "ENV-07"],
    behind: &[Guard::EnvAllowlist],
    also_as_root: true,
    expect: Expect::Exactly(|_| Seen::each(NAMES, |_| Act::Reached)),
    attempt: |_| {
        Seen::each(
            std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()),
            |_| Act::Reached,
        )
    },
    ..Probe::USUAL
};
