//! Before anybody writes the agent's executable, or that of PID 1, the mount that shows it tells whether that can be.
//!   (threats: MNT-13, CRED-12)
use std::path::Path;

use nix::sys::statvfs::{FsFlags, statvfs};

use crate::harness::inside;
use crate::probe::*;

const OWN: &str = "/run/claudebox";

pub const PROBE: Probe = Probe {
    asks: "is the agent's executable or that of PID 1 on a mount that can be written?",
    threats: &["MNT-13", "CRED-12"],
    behind: &[Guard::AgentReadOnly],
    also_as_root: true,
    harmless: true,
    expect: Expect::Exactly(|_| {
        Seen::one("what can be written", Act::saw("")).and("PID 1 is among it", Act::saw(true))
    }),
    attempt: |_| {
        let files = match inside::walk(Path::new(OWN), &|_| false) {
            Ok(files) => files,
            Err(error) => return Seen::one(OWN, Act::of::<()>(Err(error))),
        };
        let mut writable = Vec::new();
        for file in &files {
            match statvfs(file) {
                Ok(mount) if mount.flags().contains(FsFlags::ST_RDONLY) => {}
                Ok(_) => writable.push(file.display().to_string()),
                Err(errno) => return Seen::one(file.display(), Act::errno(errno)),
            }
        }
        let init = files.contains(&Path::new(OWN).join("init"));
        Seen::one("what can be written", Act::Saw(writable.join(" ")))
            .and("PID 1 is among it", Act::saw(init))
    },
    ..Probe::USUAL
};
