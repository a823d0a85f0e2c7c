//! Each terminal of the user is a file in /dev/pts: whoever opens one reads what is typed there.   (threats: TTY-04)
use std::fs;

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "is there any terminal in /dev/pts but what it makes itself?",
    threats: &["TTY-04"],
    behind: &[Guard::HostHidden],
    also_as_root: true,
    // The one that it is started on is open for it, and has no name inside.
    streams: Streams::Terminal,
    expect: Expect::Exactly(|_| Seen::one("ptmx", Act::Reached)),
    attempt: |_| match fs::read_dir("/dev/pts") {
        Ok(entries) => Seen::each(
            entries
                .flatten()
                .map(|entry| entry.file_name().to_string_lossy().into_owned()),
            |_| Act::Reached,
        ),
        Err(error) => Seen::one("/dev/pts", Act::of::<()>(Err(error))),
    },
    ..Probe::USUAL
};
