//! The agent's executable need not be written to be another one: it can be renamed over, removed, cut, marked, or given a name
//! in the project.   (threats: MNT-13, MNT-05, CRED-12)
use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use nix::libc;

use crate::harness::inside::{address, c_path, system_call};
use crate::probe::*;

const INSIDE: &str = "/run/claudebox/bin/claude";

pub const PROBE: Probe = Probe {
    asks: "can it replace, cut or mark the agent's executable?",
    threats: &["MNT-13", "MNT-05", "CRED-12"],
    behind: &[Guard::AgentReadOnly],
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        let denied = || Act::errno(Errno::EROFS);
        Seen::one("chmod", denied())
            .and("truncate", denied())
            .and("open to read and cut", denied())
            .and("utimes", denied())
            .and("setxattr", denied())
            .and("remove", denied())
            .and("rename over it", Act::errno(Errno::EXDEV))
            .and("a name in the project", Act::errno(Errno::EXDEV))
    }),
    attempt: |bait| {
        let other = bait.project.join("other");
        if let Err(error) = File::create(&other) {
            return Seen::one("a file", Act::Broken(error.to_string()));
        }
        let path = c_path(INSIDE);
        let name = c_path("user.claudebox");
        let at = i64::from(libc::AT_FDCWD);
        let length = fs::metadata(INSIDE).map_or(0, |agent| agent.len());
        let length = i64::try_from(length).unwrap_or(0);
        let (path, name) = (address(&path), address(&name));
        Seen::one(
            "chmod",
            Act::of(fs::set_permissions(INSIDE, Permissions::from_mode(0o777))),
        )
        // To the length that it has.
        .and(
            "truncate",
            system_call(libc::SYS_truncate, [path, length, 0, 0, 0, 0]),
        )
        .and(
            "open to read and cut",
            Act::of(OpenOptions::new().read(true).append(true).open(INSIDE)),
        )
        .and(
            "utimes",
            system_call(libc::SYS_utimensat, [at, path, 0, 0, 0, 0]),
        )
        .and(
            "setxattr",
            system_call(libc::SYS_setxattr, [path, name, name, 1, 0, 0]),
        )
        .and("remove", Act::of(fs::remove_file(INSIDE)))
        .and("rename over it", Act::of(fs::rename(&other, INSIDE)))
        .and(
            "a name in the project",
            Act::of(fs::hard_link(INSIDE, bait.project.join("claude-too"))),
        )
    },
    harmed: |bait| {
        let mode = fs::metadata(&bait.agent).map(|agent| agent.mode() & 0o7777);
        match mode {
            Ok(0o755) => None,
            other => Some(format!("the mode of the agent on the host is {other:?}")),
        }
    },
    ..Probe::USUAL
};
