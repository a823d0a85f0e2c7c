//! The programs of the distribution include some that run as root, whoever starts them: su, mount, passwd. Inside they must
//! be programs like others.   (threats: KRN-02)
use std::fs;
use std::io::{PipeWriter, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use crate::probe::*;

/// Each says how it is used and changes nothing.
const PROGRAMS: [&str; 6] = [
    "/usr/bin/mount",
    "/usr/bin/umount",
    "/usr/bin/su",
    "/usr/bin/chsh",
    "/usr/bin/passwd",
    "/usr/bin/gpasswd",
];

fn there() -> impl Iterator<Item = PathBuf> {
    let is_set_id = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|file| file.uid() == 0 && file.mode() & 0o4000 != 0)
    };
    PROGRAMS.into_iter().map(PathBuf::from).filter(is_set_id)
}

pub const PROBE: Probe = Probe {
    asks: "does a set-user-ID program of the distribution run as anybody else?",
    threats: &["KRN-02"],
    behind: &[Guard::NoNewPrivileges],
    also_as_root: true,
    expect: Expect::Exactly(|bait| {
        let mut seen = Seen::one("no_new_privs", Act::saw(1));
        let id = bait.inside_uid;
        for program in there() {
            let own = format!("{id}\t{id}\t{id}\t{id}");
            seen.add(program.display(), Act::saw(own));
        }
        seen
    }),
    attempt: |_| {
        let mut seen = Seen::one("no_new_privs", super::capabilities::status("NoNewPrivs"));
        let listed = PROGRAMS.into_iter().map(PathBuf::from);
        // Root's own programs are nobody's inside: the bit alone tells.
        let set_id =
            listed.filter(|path| fs::metadata(path).is_ok_and(|file| file.mode() & 0o4000 != 0));
        for program in set_id {
            seen.add(program.display(), user_of(&program));
        }
        seen
    },
    ..Probe::USUAL
};

/// The uids of a program that is kept from ending by a full pipe as its standard output.
fn user_of(program: &Path) -> Act {
    let started = full_pipe().and_then(|(reader, writer)| {
        let command = Command::new(program)
            .arg("--help")
            .stdin(Stdio::null())
            .stderr(writer.try_clone()?)
            .stdout(writer)
            .spawn()?;
        Ok((reader, command))
    });
    let (_reader, mut child) = match started {
        Ok(started) => started,
        Err(error) => return Act::of::<()>(Err(error)),
    };
    let end = Instant::now() + Duration::from_secs(2);
    let mut act = Act::Broken("it ended before it was looked at".into());
    while Instant::now() < end {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id()));
        let status = status.unwrap_or_default();
        let field = |name: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(name));
            value.map(|value| value.trim().to_owned())
        };
        // Before it is executed, the child has the name of its parent.
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        if field("Name:").is_some_and(|field| field == name) {
            act = field("Uid:").map_or(act, Act::Saw);
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let _ = child.kill();
    let _ = child.wait();
    act
}

fn full_pipe() -> std::io::Result<(std::io::PipeReader, PipeWriter)> {
    let (reader, mut writer) = std::io::pipe()?;
    let flags = OFlag::from_bits_retain(fcntl(writer.as_fd(), FcntlArg::F_GETFL)?);
    fcntl(writer.as_fd(), FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    for size in [4096, 1] {
        while writer.write(&vec![0; size]).is_ok() {}
    }
    fcntl(writer.as_fd(), FcntlArg::F_SETFL(flags))?;
    Ok((reader, writer))
}
