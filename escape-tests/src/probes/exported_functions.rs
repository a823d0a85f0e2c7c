//! A shell exports a function as a variable with a name of its own kind, and every shell below takes it over: a function
//! called `git` is then run for git (CVE-2014-6271). Other odd names slip through filters that compare the start of a name.
//!   (threats: ENV-08, ENV-09)
use std::process::Command;

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does a function that the caller's shell exported exist inside?",
    threats: &["ENV-08", "ENV-09"],
    behind: &[Guard::EnvAllowlist],
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::one("the function", Act::saw("exit status: 127, canaries 0"))
            .and("odd names", Act::saw(""))
    }),
    attempt: |bait| {
        let run = Command::new("/usr/bin/bash")
            .args(["-c", "canary"])
            .output();
        let run = match run {
            Ok(run) => Act::saw(format!(
                "{}, canaries {}",
                run.status,
                bait.canaries_in(&run.stdout)
            )),
            Err(error) => Act::of::<()>(Err(error)),
        };
        let plain = |name: &String| {
            name.bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        };
        let odd = std::env::vars_os()
            .map(|(name, _)| name.to_string_lossy().into_owned())
            .filter(|name| !plain(name));
        Seen::one("the function", run)
            .and("odd names", Act::Saw(odd.collect::<Vec<_>>().join(", ")))
    },
    ..Probe::USUAL
};
