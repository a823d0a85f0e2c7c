//! A FIFO with a name is read and written by others too. Opened again through /proc/self/fd/0 it can be written, where it was given
//! for reading: what is put in is read by them (M-07).   (threats: PROC-07)
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it write to the FIFO that is its standard input?",
    threats: &["PROC-07"],
    behind: &[Guard::StdioRelay],
    also_as_root: true,
    streams: Streams::Fifo,
    expect: Expect::Exactly(|_| Seen::one("standard input", Act::saw("a pipe without a name"))),
    attempt: |_| {
        let kind = match fs::metadata("/proc/self/fd/0") {
            Err(error) => return Seen::one("standard input", Act::of::<()>(Err(error))),
            Ok(metadata) if !metadata.file_type().is_fifo() => Act::saw("something else"),
            // Pipes without a name all lie in one file system, that of any new one (pipe(7)).
            Ok(metadata) => match std::io::pipe().map(|(reader, _)| device_of(&reader)) {
                Ok(Some(device)) if device == metadata.dev() => Act::saw("a pipe without a name"),
                Ok(_) => Act::saw("a FIFO of the host"),
                Err(error) => Act::Broken(error.to_string()),
            },
        };
        if kind == Act::saw("a FIFO of the host") {
            let again = fs::OpenOptions::new().write(true).open("/proc/self/fd/0");
            return Seen::one("standard input", kind).and("opened again to write", Act::of(again));
        }
        Seen::one("standard input", kind)
    },
    ..Probe::USUAL
};

fn device_of(pipe: &impl std::os::fd::AsRawFd) -> Option<u64> {
    let metadata = fs::metadata(format!("/proc/self/fd/{}", pipe.as_raw_fd()));
    metadata.ok().map(|metadata| metadata.dev())
}
