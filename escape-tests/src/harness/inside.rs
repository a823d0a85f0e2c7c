//! Owns the inside half of a trial: the command in the sandbox. And the few acts that more than one probe makes there.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};

use nix::libc::{self, c_long};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};
use serde::{Deserialize, Serialize};

use crate::probe::{Act, Bait, Ending, Errno, Seen, Then};
use crate::probes;

/// The one line that the inside says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The probe.
    pub probe: String,
    /// What it saw.
    pub seen: Seen,
}

/// How the attempt of the later session of this number is named.
#[must_use]
pub fn name_of_then(probe: &str, number: usize) -> String {
    format!("{probe}#{number}")
}

/// Runs the attempt of the probe `name` with the bait of this file, else of standard input, and reports.
///
/// # Errors
/// Where there is no such probe, no bait, or nobody to report to.
pub fn run(name: &str, bait: Option<&Path>) -> io::Result<()> {
    let bait = match bait {
        Some(file) => fs::read_to_string(file)?,
        None => io::read_to_string(io::stdin())?,
    };
    let bait: Bait = serde_json::from_str(&bait)?;
    let unknown = || io::Error::other(format!("no probe {name}"));
    let (probe_name, number) = match name.split_once('#') {
        Some((probe, number)) => (probe, Some(number.parse().map_err(|_| unknown())?)),
        None => (name, None::<usize>),
    };
    let probe = probes::ALL.iter().find(|(known, _)| *known == probe_name);
    let (_, probe) = probe.ok_or_else(unknown)?;
    let attempt = match number.map(|number| probe.then.get(number)) {
        None => probe.attempt,
        Some(Some(Then::Session(session))) => session.attempt,
        Some(_) => return Err(unknown()),
    };
    super::network::reach_public(&bait);
    let report = Report {
        probe: name.to_owned(),
        seen: attempt(&bait),
    };
    let mut stdout = io::stdout();
    writeln!(stdout, "{}", serde_json::to_string(&report)?)?;
    stdout.flush()?;
    if number.is_none() && probe.ending != Ending::ByItself {
        // The driver kills the launcher. Were it to fail at that, its time limit would tell.
        super::survivor::end_by_itself();
        std::thread::sleep(std::time::Duration::from_secs(60));
    }
    Ok(())
}

/// Opens for reading, and reads: a folder is listed.
#[must_use]
pub fn read(path: &Path) -> Act {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path);
    match opened.and_then(|file| Ok((file.metadata()?.is_dir(), file))) {
        Ok((true, _)) => Act::of(fs::read_dir(path)),
        Ok((false, mut file)) => Act::of(file.read(&mut [0; 64])),
        Err(error) => Act::of::<()>(Err(error)),
    }
}

/// Makes a new file.
#[must_use]
pub fn create(path: &Path) -> Act {
    Act::of(File::create_new(path))
}

/// Writes a file, whether it is there or not, and makes the folders that lead to it.
#[must_use]
pub fn write(path: &Path, text: &str) -> Act {
    let folder = path.parent().unwrap_or(path);
    Act::of(fs::create_dir_all(folder).and_then(|()| fs::write(path, text)))
}

/// The same for a program.
#[must_use]
pub fn write_program(path: &Path, text: &str) -> Act {
    match write(path, text) {
        Act::Reached => Act::of(fs::set_permissions(path, Permissions::from_mode(0o755))),
        refused => refused,
    }
}

/// Adds to the end of a file that is there.
#[must_use]
pub fn append(path: &Path, text: &str) -> Act {
    let opened = OpenOptions::new().append(true).open(path);
    Act::of(opened.and_then(|mut file| file.write_all(text.as_bytes())))
}

/// Connects, sends the word of an attack, and waits for the answer.
pub fn converse(stream: io::Result<impl Read + Write>, word: &str) -> Act {
    Act::of(stream.and_then(|mut stream| {
        stream.write_all(word.as_bytes())?;
        let mut answer = [0; 16];
        match stream.read(&mut answer)? {
            0 => Err(io::Error::other("connected, and no answer came")),
            _ => Ok(()),
        }
    }))
}

/// Says `word` to a socket, whatever it takes: to one for streams, which must answer, else as a datagram.
#[must_use]
pub fn knock(path: &Path, word: &str) -> Act {
    match UnixStream::connect(path) {
        Err(error) if error.raw_os_error() == Some(libc::EPROTOTYPE) => {
            let socket = UnixDatagram::unbound();
            Act::of(socket.and_then(|socket| socket.send_to(word.as_bytes(), path)))
        }
        stream => converse(stream, word),
    }
}

/// Knocks at every place where a host has sockets of `row`.
#[must_use]
pub fn knock_at_all(bait: &Bait, row: &str) -> Seen {
    let word = bait.word();
    Seen::each(
        bait.sockets_of(row).iter().map(|path| path.display()),
        |path| knock(path.to_string().as_ref(), &word),
    )
}

/// Reads every file that a host has of `row`.
#[must_use]
pub fn read_all(bait: &Bait, row: &str) -> Seen {
    Seen::each(
        bait.files_of(row).iter().map(|path| path.display()),
        |path| read(path.to_string().as_ref()),
    )
}

/// Writes files below the home folder, over what is there.
#[must_use]
pub fn write_in_home(bait: &Bait, files: &[(&str, &str)]) -> Seen {
    let mut seen = Seen::default();
    for (file, text) in files {
        let path = bait.home.join(file);
        let made = fs::create_dir_all(path.parent().unwrap_or(&bait.home));
        seen.add(file, Act::of(made.and_then(|()| fs::write(&path, text))));
    }
    seen
}

/// A variable of the environment.
#[must_use]
pub fn variable(name: &str) -> Act {
    std::env::var_os(name).map_or(Act::Absent, |value| Act::saw(value.display()))
}

/// A system call by its number. The arguments are numbers, or addresses of memory that outlives the call.
#[must_use]
pub fn system_call(number: c_long, arguments: [c_long; 6]) -> Act {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: callers pass numbers or live memory, as the contract says; a wrong one gives EFAULT.
    match unsafe { libc::syscall(number, a, b, c, d, e, f) } {
        -1 => Act::errno(Errno::last()),
        _ => Act::Reached,
    }
}

/// The address of a string, for [`system_call`]; null for an empty one.
#[must_use]
pub fn address(text: &CString) -> c_long {
    if text.is_empty() {
        0
    } else {
        text.as_ptr() as c_long
    }
}

/// A path as the kernel takes it.
#[must_use]
pub fn c_path(path: impl AsRef<Path>) -> CString {
    CString::new(path.as_ref().as_os_str().as_bytes()).expect("bait has no NUL in its name")
}

/// Makes an act in a child, which it may change for good.
#[must_use]
pub fn in_child(act: impl FnOnce() -> Act) -> Act {
    let (mut reader, mut writer) = match io::pipe() {
        Ok(pipe) => pipe,
        Err(error) => return Act::Broken(error.to_string()),
    };
    // SAFETY: the inside has one thread, so the child may do whatever its parent could.
    match unsafe { fork() } {
        Ok(ForkResult::Child) => {
            let said = serde_json::to_vec(&act()).unwrap_or_default();
            let _ = writer.write_all(&said);
            // SAFETY: ends the child without running what belongs to its parent.
            unsafe { libc::_exit(0) }
        }
        Ok(ForkResult::Parent { child }) => {
            drop(writer);
            let mut said = Vec::new();
            let heard = reader.read_to_end(&mut said);
            let ended = waitpid(child, None);
            match heard.map(|_| serde_json::from_slice(&said)) {
                Ok(Ok(act)) => act,
                _ => Act::Broken(format!("the child said nothing ({ended:?})")),
            }
        }
        Err(errno) => Act::Broken(format!("fork: {errno}")),
    }
}

/// The PIDs that `/proc` shows.
///
/// # Errors
/// Where it cannot be listed.
pub fn pids() -> io::Result<Vec<u32>> {
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc")? {
        pids.extend(
            entry?
                .file_name()
                .to_str()
                .and_then(|name| name.parse::<u32>().ok()),
        );
    }
    Ok(pids)
}

/// Every path below `top` that is no folder, and every folder that is empty or closed. What `stop` says is listed and not
/// entered.
///
/// # Errors
/// Where `top` cannot be listed.
pub fn walk(top: &Path, stop: &dyn Fn(&Path) -> bool) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut empty = true;
    for entry in fs::read_dir(top)? {
        let entry = entry?;
        empty = false;
        if entry.file_type()?.is_dir() && !stop(&entry.path()) {
            found.extend(walk(&entry.path(), stop).unwrap_or_else(|_| vec![entry.path()]));
        } else {
            found.push(entry.path());
        }
    }
    if empty {
        found.push(top.to_owned());
    }
    Ok(found)
}

/// What kind of file is behind a stream.
#[must_use]
pub fn kind_of(stream: &impl AsRawFd) -> Act {
    use std::os::unix::fs::FileTypeExt;
    match fs::metadata(format!("/proc/self/fd/{}", stream.as_raw_fd())) {
        Ok(metadata) if metadata.is_file() => Act::saw("file"),
        Ok(metadata) if metadata.file_type().is_fifo() => Act::saw("pipe"),
        Ok(_) => Act::saw("something else"),
        Err(error) => Act::of::<()>(Err(error)),
    }
}
