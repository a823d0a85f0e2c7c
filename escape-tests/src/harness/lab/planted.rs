//! Owns what is planted against the launcher itself: names and paths that do something where they are read as more than a
//! name, programs that it must not run, files of the host's own places, and objects that have a number and no path.

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc;

use super::super::bait::{Bait, queue_name};
use super::random;
use crate::{Caller, is_root};

/// Names that a careless filter takes for something else: with a byte more than an allowed one, of an exported shell
/// function, of a locale that is none (threats: ENV-08).
pub(super) const ODD_NAMES: [&str; 9] = [
    "BASH_FUNC_canary%%",
    "term",
    "TERM ",
    "TERM\nLANG",
    "LC_",
    "LC_ALL;x",
    "LC_A B",
    " HOME",
    "PATH\u{200b}",
];

/// Folders where a grant lies: each part would do something where a shell, an option parser, a terminal or mountinfo(5)
/// read it (threats: CFG-08, CFG-09, CFG-14).
pub(super) const HOSTILE: &str = "--bind $(touch pwned) `touch pwned`;touch pwned\t'\"\\040 \u{1b}]0;pwned\u{7} \u{202e}*?[a]{b,c}~%s";

/// Programs that a launcher might look for by PATH.
const LOOKED_FOR: &str = "bwrap pasta passt slirp4netns nft sh bash env node nix direnv id getent hostname uname stty tput";

/// A git configuration that runs programs at every turn (threats: CFG-18).
const HOSTILE_GIT: &str = "[core]\n\tfsmonitor = RAN fsmonitor\n\thooksPath = hooks\n\tpager = RAN pager\n\tsshCommand = RAN ssh\n\
    \teditor = RAN editor\n[credential]\n\thelper = !RAN helper\n[diff]\n\texternal = RAN diff\n";

/// Where agents and daemons listen in a home folder (threats: SOCK-07, SOCK-10, SOCK-14).
pub(super) const SOCKETS_IN_HOME: [&str; 6] = [
    ".gnupg/S.gpg-agent",
    ".ssh/agent.sock",
    ".docker/run/docker.sock",
    ".1password/agent.sock",
    ".cache/watchman/sock",
    ".vscode-server/ipc.sock",
];

/// The folders at the top of a host that are shown in part, made anew, or have probes of their own.
const TOP_OF_THEIR_OWN: [&str; 13] = [
    "bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "nix", "etc", "dev", "proc", "sys",
    "tmp",
];

/// One file in each folder at the top of this host: planted by root, else one that is there and that the caller can read.
pub(super) fn host_files(
    own: &Path,
    mark: &str,
    planted: &mut Vec<PathBuf>,
) -> io::Result<Vec<PathBuf>> {
    let mut files = vec![own.join("unlisted")];
    fs::write(&files[0], mark)?;
    for entry in fs::read_dir("/")? {
        let folder = entry?.path();
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let folder_is_closed =
            fs::metadata(&folder).is_ok_and(|folder| folder.permissions().mode() & 0o005 != 0o005);
        if TOP_OF_THEIR_OWN.contains(&name.as_str()) || own.starts_with(&folder) || folder_is_closed
        {
            continue;
        }
        let path = folder.join(format!("claudebox-{}", random()?));
        if is_root()
            && OpenOptions::new()
                .create_new(true)
                .write(true)
                .open(&path)
                .is_ok()
        {
            planted.push(path.clone());
            fs::write(&path, mark)?;
            files.push(path);
        } else if let Some(path) = readable(&folder, 3) {
            files.push(path);
        }
    }
    Ok(files)
}

/// A regular file below `folder` that everyone can read.
fn readable(folder: &Path, depth: usize) -> Option<PathBuf> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        // That of another trial is gone in a moment.
        let of_a_trial = entry
            .file_name()
            .to_string_lossy()
            .starts_with("claudebox-");
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) if !of_a_trial => metadata,
            _ => continue,
        };
        if metadata.is_file() && metadata.len() > 0 && fs::File::open(&path).is_ok() {
            return Some(path);
        }
        if metadata.is_dir() && depth > 0 {
            folders.push(path);
        }
    }
    folders
        .iter()
        .find_map(|folder| readable(folder, depth - 1))
}

/// Programs that nobody must run: each writes its name down. One is run to show that it does.
///
/// # Errors
/// What could not be planted, or wrote nothing down.
pub(super) fn plant_programs(caller: &Caller, ran: &Path, loader: &Path) -> io::Result<()> {
    let script = format!("#!/bin/sh\necho \"${{0##*/}}\" >>'{}'\n", ran.display());
    let (fakes, project) = (caller.folder().join("fakes"), caller.project());
    let git = fakes.join("git");
    let hooks = project.join("hooks");
    fs::create_dir_all(&hooks)?;
    caller.write(ran, "");
    for program in [&git, &hooks.join("post-checkout"), &project.join("claude")] {
        caller.write(program, &script);
        fs::set_permissions(program, Permissions::from_mode(0o755))?;
    }
    for name in LOOKED_FOR.split_ascii_whitespace() {
        symlink("git", fakes.join(name))?;
    }
    for name in ["fsmonitor-watchman", "pre-commit"] {
        symlink("post-checkout", hooks.join(name))?;
    }
    let config = HOSTILE_GIT.replace("RAN", &git.display().to_string());
    caller.write(&project.join(".git/config"), &config);
    fs::create_dir_all(loader.parent().unwrap_or(loader))?;
    caller.own(loader.parent().unwrap_or(loader));
    // Once is enough: it is the same text each time.
    static SHOWN: AtomicBool = AtomicBool::new(false);
    if SHOWN.load(Ordering::Relaxed) {
        return Ok(());
    }
    let ended = caller.command(fakes.join("bwrap")).status()?;
    if !ended.success() || fs::read_to_string(ran)? != "bwrap\n" {
        let why = "a planted program did not write down that it ran";
        return Err(io::Error::other(why));
    }
    SHOWN.store(true, Ordering::Relaxed);
    fs::write(ran, "")
}

/// What makes the loader of the host's C library write a file for each program that it loads (ld.so(8)).
pub(super) fn loader_variables(loader: &Path) -> [(&'static str, std::ffi::OsString); 2] {
    [
        ("LD_DEBUG", "files".into()),
        ("LD_DEBUG_OUTPUT", loader.into()),
    ]
}

/// A message queue and a semaphore of System V that everyone may use, and a POSIX queue (threats: SOCK-20).
pub(super) fn message_queues(mark: &str) -> io::Result<(i32, i32)> {
    // SAFETY: no pointer is passed.
    let queue = unsafe { libc::msgget(libc::IPC_PRIVATE, 0o666 | libc::IPC_CREAT) };
    // SAFETY: no pointer is passed.
    let semaphore = unsafe { libc::semget(libc::IPC_PRIVATE, 1, 0o666 | libc::IPC_CREAT) };
    let name = std::ffi::CString::new(queue_name(mark))?;
    let flags = libc::O_CREAT | libc::O_RDWR | libc::O_CLOEXEC;
    let nothing = std::ptr::null::<libc::c_void>();
    // SAFETY: the name lives; without attributes the kernel chooses.
    let posix = unsafe { libc::syscall(libc::SYS_mq_open, name.as_ptr(), flags, 0o666, nothing) };
    if queue < 0 || semaphore < 0 || posix < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was just made. Open to all whatever the umask is, and then of no more use here.
    unsafe {
        libc::fchmod(posix as i32, 0o666);
        libc::close(posix as i32);
    }
    Ok((queue, semaphore))
}

pub(super) fn remove_message_queues(bait: &Bait) {
    let (queue, semaphore) = bait.system_v;
    // SAFETY: IPC_RMID takes no buffer.
    unsafe { libc::msgctl(queue, libc::IPC_RMID, std::ptr::null_mut()) };
    // SAFETY: IPC_RMID takes no argument.
    unsafe { libc::semctl(semaphore, 0, libc::IPC_RMID) };
    if let Ok(name) = std::ffi::CString::new(queue_name(&bait.mark)) {
        // SAFETY: the name lives.
        unsafe { libc::syscall(libc::SYS_mq_unlink, name.as_ptr()) };
    }
}
