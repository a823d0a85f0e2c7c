//! Owns the [`Boxer`], who starts the launcher in these tests: an ordinary user with a home and a project of their own,
//! also where the tests run as root. And what tests ask of the host: a folder's exact content, a limit on time.
//!
//! Nothing here judges.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use assert_cmd::assert::Assert;
use tempfile::TempDir;

/// The uid and gid of the caller where the tests run as root. It has no line in `/etc/passwd`.
pub(crate) const BOXER: u32 = 6001;

/// Longer than any launch takes on a busy machine; what is not over by then hangs.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// A value that must not show where values are not shown.
pub(crate) const CANARY: &str = "canary-4f0b7c1de9";

/// Whether the tests run as root.
pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// The launcher under test.
pub(crate) fn claudebox_bin() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_claudebox"))
}

/// Prints why a test cannot do its work here, past the harness; where the host promised everything, that fails.
pub(crate) fn skipped(reason: &str) {
    assert!(
        std::env::var_os("CLAUDEBOX_TESTS_STRICT").is_none_or(|strict| strict != "1"),
        "skipped under CLAUDEBOX_TESTS_STRICT: {reason}"
    );
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    writeln!(std::io::stderr(), "skipped: {test}: {reason}").expect("writing to standard error");
}

/// Whoever starts the launcher. Home and project vanish with this value.
pub(crate) struct Boxer {
    folder: TempDir,
}

impl Boxer {
    /// An empty home, and in it an empty project.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("boxer-")
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .expect("the target folder can be written");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("chmod");
        let boxer = Self { folder };
        fs::create_dir_all(boxer.project()).expect("making the project");
        boxer.own(&boxer.home());
        boxer
    }

    /// The folder around everything of this caller, links followed.
    pub(crate) fn folder(&self) -> PathBuf {
        fs::canonicalize(self.folder.path()).expect("it was just made")
    }

    /// The home folder.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder().join("home/boxer")
    }

    /// The project, where every command starts.
    pub(crate) fn project(&self) -> PathBuf {
        self.home().join("src/app")
    }

    /// The uid of every command.
    pub(crate) fn uid(&self) -> u32 {
        if is_root() {
            BOXER
        } else {
            nix::unistd::geteuid().as_raw()
        }
    }

    /// Gives `path` and all below it to the caller.
    pub(crate) fn own(&self, path: &Path) {
        if !is_root() {
            return;
        }
        lchown(path, Some(BOXER), Some(BOXER)).expect("giving a path away as root");
        if fs::symlink_metadata(path).expect("it is there").is_dir() {
            for entry in fs::read_dir(path).expect("root reads all") {
                self.own(&entry.expect("root reads all").path());
            }
        }
    }

    /// Makes a folder of the caller's.
    pub(crate) fn make(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = self.home().join(path);
        fs::create_dir_all(&path).expect("making a folder");
        self.own(&self.home());
        path
    }

    /// Writes a file of the caller's; a relative path starts in the home folder.
    pub(crate) fn write(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home().join(path);
        fs::create_dir_all(path.parent().expect("a file lies in a folder"))
            .expect("making a folder");
        fs::write(&path, content).expect("writing a file");
        self.own(&self.home());
        path
    }

    /// Writes an executable script.
    pub(crate) fn script(&self, path: impl AsRef<Path>, content: &str) -> PathBuf {
        let path = self.write(path, content);
        fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("chmod");
        path
    }

    /// Makes a symbolic link of the caller's.
    pub(crate) fn link(&self, to: impl AsRef<Path>, at: impl AsRef<Path>) -> PathBuf {
        let at = self.home().join(at);
        fs::create_dir_all(at.parent().expect("a link lies in a folder")).expect("making a folder");
        std::os::unix::fs::symlink(to, &at).expect("making a link");
        self.own(&self.home());
        at
    }

    /// A stand-in for Claude Code where the native installer puts it: a shell script.
    pub(crate) fn install_claude(&self, script: &str) {
        self.script(".local/bin/claude", &format!("#!/bin/sh\n{script}\n"));
    }

    /// A program started by the caller in the project, with an environment from empty.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", self.home())
            .env("USER", "boxer")
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .current_dir(self.project())
            .stdin(Stdio::null());
        if is_root() {
            command.uid(BOXER).gid(BOXER);
        }
        command
    }

    /// The launcher with these arguments.
    pub(crate) fn claudebox<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = self.command(claudebox_bin());
        command.args(arguments);
        command
    }

    /// Runs the launcher with these arguments to its end.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Assert {
        end(self.claudebox(arguments))
    }

    /// Runs a shell script inside.
    pub(crate) fn shell(&self, script: &str) -> Assert {
        self.run(["exec", "-y", "--", "sh", "-c", script])
    }

    /// claudebox in a network namespace of its own, from which there is no route to anywhere.
    pub(crate) fn without_a_route(&self, line: &str) -> Command {
        let mut command = self.command("unshare");
        command
            .args(["--user", "--map-current-user", "--net"])
            .arg(claudebox_bin())
            .args(line.split(' '));
        command
    }

    /// Runs a shell script inside, and returns what it wrote to stdout. The script must end with 0.
    pub(crate) fn inside(&self, flags: &[&str], script: &str) -> String {
        let flags = flags.iter().copied();
        let ran = self.run(
            ["exec", "-y"]
                .into_iter()
                .chain(flags)
                .chain(["--", "sh", "-ec", script]),
        );
        stdout(&ran.success())
    }

    /// Runs git outside, as the caller, far from any configuration of the machine.
    pub(crate) fn git(&self, folder: &Path, arguments: &[&str]) -> String {
        let mut command = self.command("git");
        command.current_dir(folder).args(arguments);
        command.env("GIT_CONFIG_NOSYSTEM", "1");
        for name in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{name}_NAME"), "Out Side");
            command.env(format!("GIT_{name}_EMAIL"), "out@side.example");
        }
        stdout(&end(command).success())
    }
}

/// Runs `command` to its end, which comes within [`SOON`].
pub(crate) fn end(command: Command) -> Assert {
    let began = Instant::now();
    let ran = assert_cmd::Command::from_std(command)
        .timeout(SOON)
        .assert();
    assert!(began.elapsed() < SOON, "no end within {SOON:?}: {ran}");
    ran
}

/// Standard output, which is text.
pub(crate) fn stdout(ran: &Assert) -> String {
    String::from_utf8(ran.get_output().stdout.clone()).expect("stdout is UTF-8")
}

/// Standard error, which is text.
pub(crate) fn stderr(ran: &Assert) -> String {
    String::from_utf8(ran.get_output().stderr.clone()).expect("stderr is UTF-8")
}

/// A refusal as claudebox makes it: 125, nothing on stdout, one message with `what` in it and a hint, no panic.
pub(crate) fn refused(ran: Assert, what: &str) -> String {
    let ran = ran.code(125).stdout("");
    let said = stderr(&ran);
    let message = said
        .rsplit_once("claudebox: ")
        .map_or(said.as_str(), |(_, message)| message);
    assert!(
        message.contains(what),
        "the message does not say `{what}`:\n{said}"
    );
    assert!(message.contains("\nhint: "), "there is no hint:\n{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

/// Everything below `folder`: kind, mode, owner, and content or target, by path. Times are not part of it: reading changes
/// some of them.
pub(crate) fn tree(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(path) = left.pop() {
        let metadata = fs::symlink_metadata(&path).expect("looking at what was listed");
        let kind = metadata.file_type();
        let content = if kind.is_dir() {
            left.extend(
                fs::read_dir(&path)
                    .expect("listing")
                    .map(|entry| entry.expect("listing").path()),
            );
            "folder".to_owned()
        } else if kind.is_symlink() {
            format!(
                "link to {:?}",
                fs::read_link(&path).expect("reading a link")
            )
        } else if kind.is_fifo() || kind.is_socket() {
            "no file".to_owned()
        } else {
            format!(
                "{:?}",
                OsStr::from_bytes(&fs::read(&path).expect("reading a file"))
            )
        };
        let about = format!(
            "{:o} {}:{} {content}",
            metadata.mode(),
            metadata.uid(),
            metadata.gid()
        );
        found.insert(path, about);
    }
    found
}

/// The same without what is kept of projects for their sessions, which is all that a start may make (FS-F).
pub(crate) fn tree_without_state(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = tree(folder);
    found.retain(|path, _| {
        !path
            .components()
            .any(|part| part.as_os_str() == ".claudebox")
    });
    found
}

/// Asks again and again until `ask` says yes.
pub(crate) fn until(what: &str, mut ask: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !ask() {
        assert!(Instant::now() < end, "waited {SOON:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
