//! Owns the step from the word to go to a command that runs: where its program lies, the terminal, the process.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{Pid, getpgrp, tcsetpgrp};

use super::Order;
use crate::text::Text;

/// What a key of the terminal sends to the processes in its foreground (termios(3)).
const KEYS: [Signal; 3] = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTSTP];

/// The shell that runs a file with no header, as execvp(3) has it.
const SHELL: &str = "/bin/sh";

/// Starts the command; the keys that were pressed while only PID 1 held the terminal are for it, and are returned.
///
/// PID 1 has no handlers, and the kernel drops what it would not die of (pid_namespaces(7)); a signal that is blocked stays
/// pending instead. The command starts with none blocked, which std::process cannot do.
pub(super) fn start(order: &Order) -> Result<(Pid, Vec<Signal>), (u8, String)> {
    let mut keys = SigSet::empty();
    keys.extend(KEYS);
    let failed = |errno: Errno| (125, format!("the signals of the terminal: {errno}"));
    keys.thread_block().map_err(failed)?;
    if order.foreground {
        // Before the command exists, so that its first read of the terminal finds it in the foreground.
        take_foreground();
    }
    let command = spawn(order, &look_up(order)?)?;
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let pending = SignalFd::with_flags(&keys, flags).map_err(failed)?;
    let mut pressed = Vec::new();
    while let Ok(Some(info)) = pending.read_signal() {
        let number = i32::try_from(info.ssi_signo);
        pressed.extend(number.ok().and_then(|number| Signal::try_from(number).ok()));
    }
    keys.thread_unblock().map_err(failed)?;
    Ok((command, pressed))
}

/// The process of the command, in its working folder, with its variables and no signal blocked or ignored.
fn spawn(order: &Order, program: &Path) -> Result<Pid, (u8, String)> {
    let failed = |errno: Errno| {
        let status = if errno == Errno::ENOENT { 127 } else { 126 };
        let shown = Text::from(program.to_path_buf());
        (status, format!("{shown}: {}", errno.desc()))
    };
    nix::unistd::chdir(order.cwd.path()).map_err(failed)?;
    let mut attributes = PosixSpawnAttr::init().map_err(failed)?;
    let set = PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF;
    attributes
        .set_flags(set)
        .and_then(|()| attributes.set_sigmask(&SigSet::empty()))
        .and_then(|()| attributes.set_sigdefault(&SigSet::all()))
        .map_err(failed)?;
    let files = PosixSpawnFileActions::init().map_err(failed)?;
    let variables = order
        .variables
        .iter()
        .map(|(name, value)| {
            c_string([name.as_encoded_bytes(), value.as_encoded_bytes()].join(&b'='))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    let run = |program: &Path, before: &[&OsStr]| {
        let arguments = before
            .iter()
            .map(|one| one.as_bytes())
            .chain(order.arguments.iter().map(|one| one.as_encoded_bytes()))
            .map(c_string)
            .collect::<Result<Vec<_>, _>>()?;
        posix_spawn(program, &files, &attributes, &arguments, &variables)
    };
    match run(
        program,
        &[OsStr::from_bytes(order.program.as_encoded_bytes())],
    ) {
        Err(Errno::ENOEXEC) => run(Path::new(SHELL), &[OsStr::new(SHELL), program.as_os_str()]),
        started => started,
    }
    .map_err(failed)
}

/// Without a byte that ends it early (execve(2)).
fn c_string(bytes: impl AsRef<[u8]>) -> Result<CString, Errno> {
    CString::new(bytes.as_ref()).map_err(|_| Errno::EINVAL)
}

/// The command as execvp(3) finds it in the PATH of the inside; 126 or 127 with the reason where it does not.
fn look_up(order: &Order) -> Result<PathBuf, (u8, String)> {
    let program = &order.program;
    if program.as_encoded_bytes().contains(&b'/') {
        let path = Path::new(&order.cwd).join(program.path());
        return executable(&path)
            .map(|()| path)
            .map_err(|(status, why)| (status, format!("{program}: {why}")));
    }
    let path = order
        .variables
        .iter()
        .find(|(name, _)| *name == "PATH")
        .map(|(_, value)| value.clone());
    if program.is_empty() {
        return Err((127, "the command is empty".into()));
    }
    let mut denied = None;
    for folder in std::env::split_paths(&path.unwrap_or_default()) {
        let candidate = folder.join(program.path());
        match executable(&candidate) {
            Ok(()) => return Ok(candidate),
            Err((126, why)) if why != FOLDER => {
                denied = Some((126, format!("{}: {why}", Text::from(candidate))))
            }
            Err(_) => {}
        }
    }
    Err(denied.unwrap_or_else(|| (127, format!("{program}: not found in PATH inside"))))
}

const FOLDER: &str = "it is a folder";

fn executable(path: &Path) -> Result<(), (u8, &'static str)> {
    use nix::unistd::{AccessFlags, access};
    match std::fs::metadata(path) {
        // execvp(3) passes a folder over; by its path it is found, and cannot be executed.
        Ok(metadata) if metadata.is_dir() => Err((126, FOLDER)),
        Ok(_) if access(path, AccessFlags::X_OK).is_ok() => Ok(()),
        Ok(_) => Err((126, "it is not executable")),
        Err(_) => Err((127, "not found inside")),
    }
}

/// Puts this process group into the foreground of the controlling terminal, if there is one.
pub(super) fn take_foreground() {
    let Ok(terminal) = File::options().read(true).write(true).open("/dev/tty") else {
        return;
    };
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGTTOU);
    // From the background this call is stopped by SIGTTOU unless it is blocked (tcsetpgrp(3)).
    if mask.thread_block().is_ok() {
        let _ = tcsetpgrp(&terminal, getpgrp());
        let _ = mask.thread_unblock();
    }
}
