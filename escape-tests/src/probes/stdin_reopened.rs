//! `claudebox <file` gives the file for reading. Opened again through /proc/self/fd/0 it can be written, though it is mounted
//! nowhere (M-07).   (threats: PROC-07)
use std::fs;
use std::io::Write;

use crate::harness::inside::kind_of;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it write to the file that is its standard input?",
    threats: &["PROC-07"],
    behind: &[Guard::StdioRelay],
    harmless: true,
    also_as_root: true,
    streams: Streams::Files,
    expect: Expect::Exactly(|_| Seen::one("standard input", Act::saw("pipe"))),
    attempt: |_| {
        let kind = kind_of(&std::io::stdin());
        if kind == Act::saw("file") {
            let again = fs::OpenOptions::new().append(true).open("/proc/self/fd/0");
            let written = Act::of(again.and_then(|mut file| file.write_all(b"attack")));
            return Seen::one("standard input", kind).and("opened again to write", written);
        }
        Seen::one("standard input", kind)
    },
    harmed: |bait| {
        let content = fs::read(&bait.stdin).unwrap_or_default();
        content
            .ends_with(b"attack")
            .then(|| "the file of standard input was written".to_owned())
    },
    ..Probe::USUAL
};
