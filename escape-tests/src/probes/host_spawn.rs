//! Programs that start a program of the host from within a container: by the session bus, or by a socket of their own. Where
//! one is installed it is run, and must fail.   (threats: SOCK-19)
use std::process::{Command, Stdio};

use crate::harness::inside;
use crate::probe::*;

/// Each with what makes it run `true` on the host.
const HELPERS: [(&str, &[&str]); 5] = [
    ("flatpak-spawn", &["--host", "true"]),
    ("host-spawn", &["true"]),
    ("distrobox-host-exec", &["true"]),
    ("toolbox", &["run", "true"]),
    ("systemd-run", &["--user", "--wait", "true"]),
];

pub const PROBE: Probe = Probe {
    asks: "does a helper start a program of the host?",
    threats: &["SOCK-19"],
    behind: &[Guard::HostHidden],
    also_as_root: true,
    expect: Expect::Exactly(|bait| {
        let sockets = bait.sockets_of("SOCK-19").into_iter();
        let absent = Seen::each(sockets.map(|path| path.display().to_string()), |_| {
            Act::Absent
        });
        let helpers = HELPERS.iter();
        helpers.fold(absent, |seen, (name, _)| seen.and(name, Act::saw(false)))
    }),
    attempt: |bait| {
        let sockets = inside::knock_at_all(bait, "SOCK-19");
        HELPERS.iter().fold(sockets, |seen, (name, arguments)| {
            let mut helper = Command::new(name);
            helper.args(*arguments).stdin(Stdio::null());
            let ended = helper.stdout(Stdio::null()).stderr(Stdio::null()).status();
            // That it is not installed is as good as that it fails.
            let worked = ended.is_ok_and(|ended| ended.success());
            seen.and(name, Act::saw(worked))
        })
    },
    harmed: Bait::word_heard,
    ..Probe::USUAL
};
