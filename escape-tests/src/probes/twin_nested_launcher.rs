//! An agent starts claudebox in the box. It says what is in the way and how to go on, and starts nothing.
//!   (threats: KRN-19)
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does claudebox inside claudebox refuse in so many words?",
    threats: &["KRN-19"],
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::one("status", Act::saw("exit status: 125"))
            .and("a hint", Act::saw(true))
            .and("what the command said", Act::saw(""))
    }),
    attempt: |_| {
        let inner = Command::new("/run/claudebox/init")
            .arg0("claudebox")
            .args(["exec", "--yes", "--network", "none", "--", "echo", "inner"])
            .output();
        match inner {
            Ok(inner) => {
                let said = String::from_utf8_lossy(&inner.stderr);
                Seen::one("status", Act::saw(inner.status))
                    .and(
                        "a hint",
                        Act::saw(said.lines().any(|line| line.starts_with("hint: "))),
                    )
                    .and(
                        "what the command said",
                        Act::saw(String::from_utf8_lossy(&inner.stdout)),
                    )
            }
            Err(error) => Seen::one("status", Act::of::<()>(Err(error))),
        }
    },
    ..Probe::USUAL
};
