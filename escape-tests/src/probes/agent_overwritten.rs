//! The agent's executable is the caller's own file. Whoever can write it from inside runs on the host at the next start;
//! /proc/PID/exe is a name for it that needs no path (CVE-2019-5736).   (threats: MNT-13, CRED-12)
use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;

use crate::probe::*;

const INSIDE: &str = "/run/claudebox/bin/claude";

pub const PROBE: Probe = Probe {
    asks: "can it overwrite the agent's executable?",
    threats: &["MNT-13", "CRED-12"],
    behind: &[Guard::AgentReadOnly],
    also_as_root: true,
    expect: Expect::Refused(Errno::EROFS),
    attempt: |_| {
        let append = |path: &str| {
            Act::of(
                OpenOptions::new()
                    .append(true)
                    .open(path)
                    .and_then(|mut file| {
                        use std::io::Write;
                        file.write_all(b"attack")
                    }),
            )
        };
        let by_exe = || -> std::io::Result<File> {
            let mut agent = Command::new(INSIDE).arg("60").spawn()?;
            let link = format!("/proc/{}/exe", agent.id());
            let opened = OpenOptions::new()
                .read(true)
                .custom_flags(nix::libc::O_PATH)
                .open(link);
            agent.kill()?;
            agent.wait()?;
            opened
        };
        let by_exe = match by_exe() {
            Ok(file) => append(&format!("/proc/self/fd/{}", file.as_raw_fd())),
            Err(error) => Act::Broken(error.to_string()),
        };
        Seen::one("by its path", append(INSIDE)).and("by /proc/PID/exe", by_exe)
    },
    harmed: |bait| {
        let content = fs::read(&bait.agent).unwrap_or_default();
        content
            .ends_with(b"attack")
            .then(|| "the agent's executable on the host was written".to_owned())
    },
    ..Probe::USUAL
};
