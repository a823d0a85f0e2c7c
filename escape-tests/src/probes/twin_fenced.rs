//! What the mounts allow, Landlock must allow: renaming and linking between folders, every kind of file, running what was just
//! made, terminals of one's own, and the streams by their names. Else git, Cargo, Node and a shell fail in odd places.
use std::fs::{self, File, OpenOptions};
use std::io::IsTerminal;
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::pty::{Winsize, openpty};
use nix::sys::stat::Mode;

use crate::harness::inside::write_program;
use crate::probe::*;

/// Everything that programs do in a folder that is theirs.
fn work(folder: &Path) -> Act {
    let work = || -> std::io::Result<()> {
        let (one, other) = (folder.join("one"), folder.join("other"));
        fs::create_dir_all(&one)?;
        fs::create_dir_all(&other)?;
        fs::write(one.join("file"), "text")?;
        fs::rename(one.join("file"), other.join("file"))?;
        fs::hard_link(other.join("file"), one.join("again"))?;
        fs::create_dir(one.join("folder"))?;
        fs::rename(one.join("folder"), other.join("folder"))?;
        symlink("file", other.join("link"))?;
        drop(UnixListener::bind(other.join("socket"))?);
        nix::unistd::mkfifo(&other.join("pipe"), Mode::S_IRWXU)?;
        let file = OpenOptions::new().write(true).open(other.join("link"))?;
        file.set_len(1)?;
        nix::unistd::truncate(&other.join("file"), 0)?;
        let program = other.join("program");
        if let Act::Broken(why) = write_program(&program, "#!/bin/sh\nexit 0\n") {
            return Err(std::io::Error::other(why));
        }
        if !Command::new(&program).status()?.success() {
            return Err(std::io::Error::other("the program failed"));
        }
        fs::remove_dir_all(&one)?;
        fs::remove_dir_all(&other)
    };
    Act::of(work())
}

/// A terminal of one's own, opened again by its name and asked for its size.
fn terminal() -> Act {
    let size = Winsize {
        ws_row: 3,
        ws_col: 7,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let made = openpty(Some(&size), None).and_then(|pair| {
        let name = nix::unistd::ttyname(&pair.slave)?;
        let again = File::options().read(true).write(true).open(name);
        let again = again.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))?;
        nix::sys::termios::tcgetattr(&again).map(drop)
    });
    Act::of_nix(made)
}

/// A stream by its name, as scripts write to it: the caller's where that is a terminal, else a pipe of one's own, as who made
/// the caller's may be another user.
fn stream() -> Act {
    let open = |path: String| Act::of(OpenOptions::new().append(true).open(path));
    if std::io::stderr().is_terminal() {
        return open("/dev/stderr".into());
    }
    match std::io::pipe() {
        Ok((_end, pipe)) => open(format!("/proc/self/fd/{}", pipe.as_raw_fd())),
        Err(error) => Act::of::<()>(Err(error)),
    }
}

fn folders(bait: &Bait) -> [PathBuf; 6] {
    let runtime = format!("/run/user/{}", bait.inside_uid);
    let folders = [
        "/tmp".into(),
        "/var/tmp".into(),
        "/dev/shm".into(),
        runtime.into(),
    ];
    let [tmp, var_tmp, shm, runtime] = folders;
    [
        tmp,
        var_tmp,
        shm,
        runtime,
        bait.home.clone(),
        bait.project.clone(),
    ]
}

pub const PROBE: Probe = Probe {
    asks: "does what programs do with files and terminals work in every place that is theirs?",
    also_as_root: true,
    expect: Expect::Reached,
    attempt: |bait| {
        let folder = |place: &PathBuf| place.join(format!("twin-{}", bait.mark));
        let mut seen = Seen::each(
            folders(bait).map(|place| place.display().to_string()),
            |place| {
                let folder = folder(&place.into());
                let done = work(&folder);
                let _ = fs::remove_dir_all(&folder);
                done
            },
        );
        let mut write = |what: &str, path: &str, text: &str| {
            seen.add(what, Act::of(fs::write(path, text)));
        };
        // Started by uid 0, /proc is read-only.
        if bait.uid != 0 {
            write("its own name", "/proc/self/comm", "fenced");
            write("how soon it is killed", "/proc/self/oom_score_adj", "1000");
        }
        write("nothing", "/dev/null", "text");
        seen.and("a terminal", terminal())
            .and("a stream by its name", stream())
            .and("a program", Act::of(Command::new("/bin/true").status()))
    },
    ..Probe::USUAL
};
