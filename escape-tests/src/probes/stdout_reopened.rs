//! `claudebox >>log` gives the log for writing at its end. Opened again through /proc/self/fd/1 it can be read from its
//! start, and cut (M-07).   (threats: PROC-07)
use std::fs;
use std::io::Read;

use crate::harness::inside::kind_of;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it read or cut the file that is its standard output?",
    threats: &["PROC-07"],
    behind: &[Guard::StdioRelay],
    harmless: true,
    streams: Streams::Files,
    expect: Expect::Exactly(|_| Seen::one("standard output", Act::saw("pipe"))),
    attempt: |bait| {
        let kind = kind_of(&std::io::stdout());
        if kind == Act::saw("file") {
            let again = fs::OpenOptions::new()
                .read(true)
                .write(true)
                .open("/proc/self/fd/1");
            let read = again.and_then(|mut file| {
                let mut content = Vec::new();
                file.read_to_end(&mut content)?;
                file.set_len(0)?;
                Ok(bait.canaries_in(&content))
            });
            let read = read.map_or_else(
                |error| Act::of::<()>(Err(error)),
                |found| Act::saw(format!("{found} canaries")),
            );
            return Seen::one("standard output", kind).and("opened again to read", read);
        }
        Seen::one("standard output", kind)
    },
    harmed: |bait| {
        let content = fs::read(&bait.stdout).unwrap_or_default();
        (bait.canaries_in(&content) == 0).then(|| "the file of standard output was cut".to_owned())
    },
    also_as_root: true,
    ..Probe::USUAL
};
