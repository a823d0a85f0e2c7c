//! The adversarial test suite of claudebox: the real launcher from outside, and what tests of it share.
//!
//! This file owns the [`Caller`], who starts the launcher: an ordinary user with a home and a project of their own and an
//! environment from empty, also where the tests run as root. What is inside is judged by the tests themselves.
//!
//! Waiting always has an end ([`run`], [`until`]): a launcher that hangs fails its test.
#![allow(
    clippy::disallowed_methods,
    reason = "tests are effects; the module boundaries are the launcher's"
)]

pub mod catalogue;
pub mod claude_code;
pub mod elsewhere;
pub mod harness;
pub mod messages_api;
pub mod network_lab;
pub mod nix_lab;
pub mod probe;
pub mod probes;
pub mod sweep;
pub mod terminal;
pub mod verify;

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{PermissionsExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The uid and gid of the caller where the tests run as root. It has no line in `/etc/passwd`.
pub const BOXER: u32 = 6001;

/// Longer than any start of the launcher or of Claude Code takes on a busy machine.
pub const SOON: Duration = Duration::from_secs(30);

/// The launcher in the profile of the running test, built from the sources as they are: `cargo test -p escape-tests` alone
/// would test the one of the last build.
///
/// # Panics
///
/// When it cannot be built, or is not there for a test that was not started by Cargo.
#[must_use]
pub fn claudebox_bin() -> PathBuf {
    static LAUNCHER: OnceLock<PathBuf> = OnceLock::new();
    LAUNCHER.get_or_init(build_launcher).clone()
}

fn build_launcher() -> PathBuf {
    let this = env::current_exe().expect("a running program has a path");
    // target/TRIPLE/PROFILE/deps/TEST
    let profile = this.ancestors().nth(2).expect("tests lie two folders deep");
    // Only root, or the owner of the target folder, can build; a test that starts itself again as another user has it built.
    if let Some(cargo) = env::var_os("CARGO").filter(|_| writable(profile)) {
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--locked", "-p", "claudebox"]);
        build.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        if profile.ends_with("release") {
            build.arg("--release");
        }
        let built = build.status().expect("Cargo started this test");
        assert!(built.success(), "the launcher cannot be built");
    }
    let launcher = profile.join("claudebox");
    assert!(
        launcher.is_file(),
        "looking for the launcher: no {}\nhint: cargo build -p claudebox",
        launcher.display()
    );
    launcher
}

fn writable(folder: &Path) -> bool {
    nix::unistd::access(folder, nix::unistd::AccessFlags::W_OK).is_ok()
}

/// Raises each limit of this program and its children above what claudebox allows a session, where root runs it: else the loss of
/// a limit could not be seen.
fn allow_more_than_usual() {
    use claudebox::limit::Limited;
    use nix::sys::resource::{getrlimit, setrlimit};
    for on in Limited::ALL {
        let Ok((soft, hard)) = getrlimit(on.resource()) else {
            continue;
        };
        let hard = hard.max(2 * on.usual() + 10);
        // Programs that close every descriptor that they may have take long where that is many.
        let soft = if on == Limited::Files { soft } else { hard };
        let _ = setrlimit(on.resource(), soft, hard);
    }
}

/// Has callers of this program and its children live in memory, where root runs it: in a mount namespace of its own, so that nobody
/// else sees it and nothing is left, however it ends. To be called while it has one thread.
///
/// A run makes and removes some hundred thousand files, and a disk's file system is slow at making what others were removed for a
/// moment ago (ext4). Without root, or the right to mount, they lie in the target folder.
pub fn live_in_memory() {
    use nix::mount::{MsFlags, mount};
    allow_more_than_usual();
    if !is_root() || nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).is_err() {
        return;
    }
    let nothing = None::<&str>;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    let made = mount(nothing, "/", nothing, private, nothing);
    let options = Some("mode=0755");
    let made = made.and_then(|()| {
        mount(
            Some("callers"),
            &scratch(),
            Some("tmpfs"),
            MsFlags::empty(),
            options,
        )
    });
    if let Err(error) = made {
        let _ = writeln!(
            io::stderr(),
            "callers lie on the disk: mounting a tmpfs: {error}"
        );
    }
}

/// The target folder of the workspace, where labs are installed.
///
/// # Panics
///
/// When the test does not run from a target folder.
#[must_use]
pub fn target_folder() -> PathBuf {
    let this = env::current_exe().expect("a running program has a path");
    target_around(&this).expect("Cargo marks its target folder")
}

/// The target folder that a program of the workspace lies in.
pub(crate) fn target_around(program: &Path) -> Option<PathBuf> {
    // Each TRIPLE folder in it may be marked as well: the outermost counts.
    let marked = |folder: &&Path| folder.join("CACHEDIR.TAG").is_file();
    program
        .ancestors()
        .filter(marked)
        .last()
        .map(Path::to_owned)
}

/// Prints why a test cannot do its work here. Where the host promised everything (CLAUDEBOX_TESTS_STRICT), that fails.
///
/// It writes past the test harness, which hides what a test that passes has printed.
///
/// # Panics
///
/// Under CLAUDEBOX_TESTS_STRICT=1.
pub fn skipped(reason: &str) {
    assert!(
        env::var_os("CLAUDEBOX_TESTS_STRICT").is_none_or(|strict| strict != "1"),
        "skipped under strict: {reason}"
    );
    let test = thread::current().name().unwrap_or_default().to_owned();
    writeln!(io::stderr(), "skipped: {test}: {reason}").expect("writing to standard error");
}

/// Whether the tests run as root.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Asks again and again until there is an answer.
///
/// # Panics
///
/// With `what` when there is none within `limit`.
pub fn until<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "waited {limit:?} in vain for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Whoever starts the launcher: an ordinary user, with a home and a project that vanish with this value.
#[derive(Debug)]
pub struct Caller {
    folder: TempDir,
    uid: Option<u32>,
}

impl Caller {
    /// A caller with an empty home and, in it, an empty project.
    ///
    /// # Panics
    ///
    /// When the folders cannot be made.
    #[must_use]
    pub fn new() -> Self {
        let uid = is_root().then_some(BOXER);
        let folder = tempfile::Builder::new()
            .prefix("caller-")
            .tempdir_in(scratch())
            .expect("making a folder");
        let caller = Self { folder, uid };
        fs::set_permissions(caller.folder(), Permissions::from_mode(0o755))
            .expect("opening it to the caller");
        fs::create_dir_all(caller.project()).expect("making the project");
        caller.own(&caller.home());
        caller
    }

    /// The folder around everything of the caller's. It is not the caller's own: it holds what others installed.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The home folder.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.folder().join("home/boxer")
    }

    /// The project, and the current folder of every command.
    #[must_use]
    pub fn project(&self) -> PathBuf {
        self.home().join("src/app")
    }

    /// The uid that commands run as.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
            .unwrap_or_else(|| rustix::process::geteuid().as_raw())
    }

    /// Gives a path and, if a folder, all below it to the caller. Files stay whose they are: a hard link shares its owner
    /// with what it was made from.
    ///
    /// # Panics
    ///
    /// When the path cannot be read.
    pub fn own(&self, path: &Path) {
        let Some(uid) = self.uid else { return };
        let metadata = fs::symlink_metadata(path).expect("looking at what the caller shall own");
        if metadata.is_dir() {
            for entry in fs::read_dir(path).expect("reading a folder").flatten() {
                self.own(&entry.path());
            }
        }
        let shared = metadata.is_file() && std::os::unix::fs::MetadataExt::nlink(&metadata) > 1;
        if !shared {
            lchown(path, Some(uid), Some(uid)).expect("giving a path to the caller");
        }
    }

    /// Writes a file of the caller's. The folders that lead to it become the caller's too, as far as they lie within
    /// [`Caller::folder`]: those of the machine stay whose they are.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    pub fn write(&self, path: &Path, content: &str) {
        let folder = path.parent().expect("a file lies in a folder");
        fs::create_dir_all(folder).expect("making a folder");
        fs::write(path, content).expect("writing a file");
        let Some(uid) = self.uid else { return };
        let own = |path: &Path| lchown(path, Some(uid), Some(uid)).expect("giving a path away");
        own(path);
        let within = |path: &&Path| path.starts_with(self.folder()) && *path != self.folder();
        folder.ancestors().take_while(within).for_each(own);
    }

    /// A program started by the caller, in the project, with an environment from empty.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", self.home())
            .env("USER", "boxer")
            .env("LOGNAME", "boxer");
        command
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("SHELL", "/bin/sh");
        command.current_dir(self.project()).stdin(Stdio::null());
        if let Some(uid) = self.uid {
            // The standard library drops the supplementary groups of root along with its uid.
            command.gid(uid).uid(uid);
        }
        command
    }

    /// The launcher, started by the caller.
    #[must_use]
    pub fn claudebox(&self) -> Command {
        self.command(claudebox_bin())
    }
}

impl Default for Caller {
    fn default() -> Self {
        Self::new()
    }
}

/// Where homes are made: in the target folder, which is no place that the sandbox treats apart as it does `/tmp`.
fn scratch() -> PathBuf {
    let scratch = open_to_the_caller(&target_folder()).unwrap_or_else(|why| panic!("{why}"));
    fs::create_dir_all(&scratch).expect("making a folder in target");
    scratch
}

/// The place for homes below `target`, if the caller can enter it.
pub(crate) fn open_to_the_caller(target: &Path) -> Result<PathBuf, String> {
    let open = |folder: &Path| {
        fs::metadata(folder).is_ok_and(|folder| folder.permissions().mode() & 0o001 != 0)
    };
    let closed = target.ancestors().find(|folder| is_root() && !open(folder));
    if let Some(folder) = closed {
        return Err(format!(
            "the tests run as root and start the launcher as uid {BOXER}, which cannot enter {}\n\
             hint: move the checkout to a folder that every user can enter, or chmod o+x that one",
            folder.display()
        ));
    }
    Ok(target.join("callers"))
}

/// How a command ended, and what it said.
#[derive(Debug)]
pub struct Ran {
    /// The command, for messages.
    pub line: String,
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            status,
            stdout,
            stderr,
        } = self;
        write!(
            f,
            "\n{line}\n{status}\n--- stdout\n{stdout}\n--- stderr\n{stderr}\n---"
        )
    }
}

impl Ran {
    /// This, if the command exited with 0.
    ///
    /// # Panics
    ///
    /// With everything that is known of the run, if it did not.
    #[must_use]
    pub fn success(self) -> Self {
        assert!(self.status.success(), "it should have exited with 0:{self}");
        self
    }
}

/// Runs a command to its end, which comes within `limit`.
///
/// # Panics
///
/// When it cannot be started, or does not end: it and its process group are killed then.
#[must_use]
pub fn run(command: &mut Command, limit: Duration) -> Ran {
    let line = format!("{command:?}");
    let mut child = command
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("starting {line}: {error}"));
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let end = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait().expect("waiting for a child") {
            break status;
        }
        if Instant::now() > end {
            let group = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
            let status = child.wait().expect("waiting for a killed child");
            let (stdout, stderr) = (taken(&stdout), taken(&stderr));
            panic!(
                "no end within {limit:?}:{}",
                Ran {
                    line,
                    status,
                    stdout,
                    stderr
                }
            );
        }
        thread::sleep(Duration::from_millis(5));
    };
    let (stdout, stderr) = (taken(&stdout), taken(&stderr));
    Ran {
        line,
        status,
        stdout,
        stderr,
    }
}

fn collect(stream: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut stream = stream.expect("the stream is piped");
        let mut buffer = [0; 8192];
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            if sender.send(buffer[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// All of a stream. A process that outlives the command and holds the stream open is not waited for: what it keeps is lost,
/// and the text says so.
fn taken(receiver: &mpsc::Receiver<Vec<u8>>) -> String {
    let end = Instant::now() + Duration::from_secs(3);
    let mut all = Vec::new();
    loop {
        match receiver.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(part) => all.extend(part),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                all.extend_from_slice(
                    b"\n[the stream is still held open by a process that outlived the command]",
                );
                break;
            }
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_outside_of_its_folder_gives_no_folder_away() {
        let caller = Caller::new();
        let elsewhere = TempDir::new_in(scratch()).expect("making a folder");
        let owner = |path: &Path| {
            std::os::unix::fs::MetadataExt::uid(&fs::metadata(path).expect("looking at a path"))
        };
        let before = owner(elsewhere.path());
        caller.write(&elsewhere.path().join("file"), "");
        assert_eq!(owner(&elsewhere.path().join("file")), caller.uid());
        assert_eq!(owner(elsewhere.path()), before);
        caller.write(&caller.home().join("new/file"), "");
        assert_eq!(owner(&caller.home().join("new")), caller.uid());
    }
}
