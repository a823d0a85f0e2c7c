//! Settings, memory, commands and plugins of the user's Claude Code are seen inside, and may not be written there, nor may something be
//! put in the place of one that the user does not have.   (threats: CRED-08, CRED-14)
use std::path::{Path, PathBuf};

use claudebox::instance::SHOWN;
use nix::unistd::{AccessFlags, access};

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it write what the user has set up for Claude Code?",
    threats: &["CRED-08", "CRED-14"],
    behind: &[Guard::ClaudeReadOnly],
    also_as_root: true,
    harmless: true,
    expect: Expect::Refused(Errno::EROFS),
    attempt: |bait| {
        // Looked at, whoever's it is: nothing is made there.
        let claude: PathBuf = [bait.home.as_path(), Path::new(".claude")].iter().collect();
        Seen::each(SHOWN.map(|shown| shown.name), |name| {
            match access(&claude.join(name), AccessFlags::W_OK) {
                // What Nix made is nobody's to write, wherever it is mounted.
                Err(Errno::EACCES) => Act::errno(Errno::EROFS),
                other => Act::of_nix(other),
            }
        })
    },
    ..Probe::USUAL
};
