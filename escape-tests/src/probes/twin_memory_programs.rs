//! A file that is nowhere, a file in /tmp, a script in the project: whoever may run programs may run those too. No guard rests on
//! noexec or on the path of a program.   (threats: KRN-16)
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::probe::*;

fn run(at: &Path, text: &[u8]) -> Act {
    let written =
        fs::write(at, text).and_then(|()| fs::set_permissions(at, Permissions::from_mode(0o755)));
    if let Err(error) = written {
        return Act::Broken(error.to_string());
    }
    match Command::new(at).output() {
        Ok(ran) => Act::saw(String::from_utf8_lossy(&ran.stdout).trim()),
        Err(error) => Act::of::<()>(Err(error)),
    }
}

pub const PROBE: Probe = Probe {
    asks: "does a program run wherever it lies?",
    threats: &["KRN-16"],
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::each(["project", "/tmp", "/dev/shm", "home", "memory"], |_| {
            Act::saw("it runs")
        })
    }),
    attempt: |bait| {
        let text = b"#!/bin/sh\necho it runs\n";
        let folders = [
            ("project", bait.project.clone()),
            ("/tmp", "/tmp".into()),
            ("/dev/shm", "/dev/shm".into()),
            ("home", bait.home.clone()),
        ];
        let mut seen = Seen::default();
        for (name, folder) in folders {
            seen.add(name, run(&folder.join("runs-from-here"), text));
        }
        seen.and("memory", from_memory(text))
    },
    ..Probe::USUAL
};

fn from_memory(text: &[u8]) -> Act {
    use nix::sys::memfd::{MFdFlags, memfd_create};
    use std::os::fd::AsRawFd;
    match memfd_create("program", MFdFlags::empty()) {
        Ok(file) => run(
            Path::new(&format!("/proc/self/fd/{}", file.as_raw_fd())),
            text,
        ),
        Err(errno) => Act::errno(errno),
    }
}
