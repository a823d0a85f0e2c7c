//! Owns two processes of claudebox that wait for the launcher. One stands still until it was put into a control group, then becomes
//! bwrap; where the launcher lets go of it, it ends and nothing was started. The other takes that group away when the launcher is
//! gone, however it went.

use std::fs;
use std::io::{self, PipeWriter, Read, Write};
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use command_fds::{CommandFdExt, FdMapping};

use crate::descriptors::taken;
use crate::text::Text;

/// The word that enters the one that becomes bwrap.
pub const WORD: &str = "held";

/// The word that enters the one that tidies up.
pub const TIDY: &str = "tidy";

/// How long a group may take until it is empty.
const LIMIT: Duration = Duration::from_secs(5);

/// Where the one that tidies up is leashed.
const LEASH: RawFd = 3;

/// `program`, held until a byte arrives at `descriptor`; its arguments follow.
pub(super) fn command(launcher: &Text, descriptor: RawFd, program: &Text) -> Command {
    let mut command = Command::new(launcher);
    command.arg(WORD).arg(descriptor.to_string()).arg(program);
    command
}

/// Waits, then becomes the program of the arguments. Returns only where it does not.
#[must_use]
pub fn run() -> u8 {
    let mut words = std::env::args_os().skip(2);
    let descriptor = words.next().and_then(|word| word.to_str()?.parse().ok());
    let became = match (descriptor.map(waited), words.next()) {
        // The launcher says why.
        (Some(Ok(false)), _) => return 125,
        (Some(Ok(true)), Some(program)) => Command::new(program).args(words).exec(),
        (Some(Err(error)), _) => error,
        _ => io::Error::other("nobody says for what"),
    };
    let _ = writeln!(
        io::stderr(),
        "claudebox: waiting for a control group: {became}"
    );
    125
}

/// Whether the launcher gave its word.
fn waited(descriptor: RawFd) -> io::Result<bool> {
    let [held] = taken([descriptor])?;
    let mut word = [0];
    Ok(io::PipeReader::from(held).read(&mut word)? == 1)
}

/// What takes a group away.
pub(super) struct Tidy {
    process: Child,
    leash: Option<PipeWriter>,
}

impl Tidy {
    /// Starts it for the group at `folder`.
    pub(super) fn start(launcher: &Text, folder: &Path) -> io::Result<Self> {
        let (end, leash) = io::pipe()?;
        let mut command = Command::new(launcher);
        command
            .arg(TIDY)
            .arg(folder)
            .env_clear()
            // Who interrupts the session does not interrupt this.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .fd_mappings(vec![FdMapping {
                parent_fd: end.into(),
                child_fd: LEASH,
            }])
            .map_err(io::Error::other)?;
        Ok(Self {
            process: command.spawn()?,
            leash: Some(leash),
        })
    }
}

impl Drop for Tidy {
    fn drop(&mut self) {
        drop(self.leash.take());
        let _ = self.process.wait();
    }
}

/// Whether it is one that the launcher makes.
fn is_of_session(folder: &Path) -> bool {
    let name = folder.file_name().map(OsStrExt::as_bytes);
    name.is_some_and(|name| name.starts_with(super::group::PREFIX.as_bytes()))
}

/// Waits until the launcher is gone or lets go, ends what is left in the group of the arguments, and removes it.
#[must_use]
pub fn tidy() -> u8 {
    let folder = std::env::args_os().nth(2).map(PathBuf::from);
    let Some(folder) = folder.filter(|folder| is_of_session(folder)) else {
        return 125;
    };
    // Whatever comes of waiting, it is over.
    let _ = waited(LEASH);
    let end = Instant::now() + LIMIT;
    loop {
        match fs::remove_dir(&folder) {
            Ok(()) => return 0,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return 0,
            Err(_) if Instant::now() > end => return 125,
            Err(_) => {
                // Linux 5.14; before, they end with the launcher all the same.
                let kill = fs::File::options()
                    .write(true)
                    .open(folder.join("cgroup.kill"));
                let _ = kill.and_then(|mut kill| kill.write_all(b"1"));
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}
