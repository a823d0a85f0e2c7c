//! git asks helpers for passwords: a cache behind a socket, a file, a token of a forge, a program that a variable names.
//!   (threats: CRED-16)
use std::process::Command;

use crate::harness::inside;
use crate::probe::*;

const FILES: [&str; 4] = [
    ".git-credentials",
    ".config/git/credentials",
    ".config/gh/hosts.yml",
    ".gitconfig",
];

pub const PROBE: Probe = Probe {
    asks: "can it have a password from git's helpers?",
    threats: &["CRED-16"],
    behind: &[Guard::HomeHidden, Guard::HostHidden, Guard::EnvAllowlist],
    also_as_root: true,
    expect: Expect::Exactly(|bait| {
        let absent = |name: String| (name, Act::Absent);
        let sockets = bait.sockets_of("CRED-16").into_iter();
        let sockets = sockets.map(|path| path.display().to_string());
        let names = FILES.iter().chain(&["GIT_ASKPASS", "SSH_ASKPASS"]);
        let names = names.map(|name| (*name).to_owned()).chain(sockets);
        Seen(names.map(absent).collect()).and("git's helpers", Act::saw(""))
    }),
    attempt: |bait| {
        // Outside of the project, whose own configuration the agent may write as it likes.
        let git = Command::new("git")
            .args(["-C", "/", "config", "--get-all", "credential.helper"])
            .output();
        let helpers = match git {
            Ok(git) => Act::Saw(String::from_utf8_lossy(&git.stdout).into_owned()),
            Err(error) => Act::of::<()>(Err(error)),
        };
        let sockets = inside::knock_at_all(bait, "CRED-16")
            .and("GIT_ASKPASS", inside::variable("GIT_ASKPASS"))
            .and("SSH_ASKPASS", inside::variable("SSH_ASKPASS"))
            .and("git's helpers", helpers);
        FILES.iter().fold(sockets, |seen, file| {
            seen.and(file, inside::read(&bait.home.join(file)))
        })
    },
    harmed: Bait::word_heard,
    ..Probe::USUAL
};
