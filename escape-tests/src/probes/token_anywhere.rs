//! A token that lies in a file of the host must not stand anywhere inside: no variable, no argument of any process, no file
//! that can be read, and not on the terminal.   (threats: CRED-01)
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::harness::inside;
use crate::probe::*;

/// Of the kernel, or of the distribution and read-only.
const NOT_READ: [&str; 10] = [
    "/proc",
    "/sys",
    "/dev",
    "/usr",
    "/nix/store",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/lib32",
];

/// No token is as long as this.
const LARGE: u64 = 1 << 20;

pub const PROBE: Probe = Probe {
    asks: "is a token of the host anywhere inside?",
    threats: &["CRED-01"],
    behind: &[Guard::HomeHidden, Guard::EnvAllowlist],
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::one("variables", Act::saw(0))
            .and("arguments", Act::saw(0))
            .and("files", Act::saw(0))
            .and("files were read", Act::saw(true))
    }),
    attempt: |bait| {
        let variables = std::env::vars_os();
        let variables = variables.map(|(_, value)| bait.canaries_in(value.as_bytes()));
        let pids = inside::pids().unwrap_or_default();
        let arguments = pids.into_iter().map(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            bait.canaries_in(&line)
        });
        let stop = |path: &Path| NOT_READ.iter().any(|top| path == Path::new(top));
        let mut files = inside::walk(Path::new("/"), &stop).unwrap_or_default();
        // On a terminal that one tells the attempt what to look for.
        files.retain(|path| {
            let small = |found: &fs::Metadata| found.is_file() && found.len() < LARGE;
            *path != bait.stdin && fs::symlink_metadata(path).is_ok_and(|found| small(&found))
        });
        let read = files.contains(&bait.granted.join("file"));
        let files = files.iter().filter_map(|path| fs::read(path).ok());
        let files = files.map(|content| bait.canaries_in(&content));
        Seen::one("variables", Act::saw(variables.sum::<usize>()))
            .and("arguments", Act::saw(arguments.sum::<usize>()))
            .and("files", Act::saw(files.sum::<usize>()))
            .and("files were read", Act::saw(read))
    },
    harmed: |bait| {
        let shown = bait.recorded()?.bytes;
        (bait.canaries_in(&shown) > 0).then(|| "a token is on the terminal".into())
    },
    ..Probe::USUAL
};
