//! Owns the stand-in for a machine: a temporary folder with a PATH of stubs and a folder that stands for `/`.
//! It runs `bootstrap` there and notes which stubs were called; the tests judge.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

pub(crate) const DEBIAN: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n";

/// What `bootstrap` itself is written with; all else on PATH is a stub.
const TOOLS: [&str; 15] = [
    "sh", "cat", "sed", "sort", "head", "mktemp", "mkdir", "chmod", "cp", "rm", "env", "dirname",
    "stat", "readlink", "true",
];

/// What a package manager does when it installs: all that is on the shelf is put in place.
const INSTALL: &str = "case \" $* \" in *' install '* | *' add '* | *' -S'*) \
     cp -R \"$at/shelf/bin/.\" \"$at/bin\"; cp -R \"$at/shelf/root/.\" \"$at/root\" ;; esac";

/// A machine in a temporary folder: `bin` is its PATH, `root` its `/`, `shelf` what its package manager can install.
pub(crate) struct Machine {
    folder: TempDir,
    uid: u32,
    pub(crate) environment: Vec<(&'static str, &'static str)>,
}

/// What came out of one run of `bootstrap` on it.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
    /// How the stubs were called in this run.
    pub(crate) calls: Vec<String>,
}

impl Machine {
    /// A new machine of that distribution with a Rust toolchain, on which root is at work.
    pub(crate) fn new(os_release: &str, manager: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let machine = Self {
            folder,
            uid: 0,
            environment: Vec::new(),
        };
        for name in [
            "bin",
            "root/etc",
            "shelf/bin",
            "shelf/root/usr/bin",
            "shelf/root/etc/ssl/certs",
            "home",
            "checkout",
        ] {
            fs::create_dir_all(machine.path(name)).expect("a folder of the machine");
        }
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for name in ["bootstrap", "Cargo.toml"] {
            fs::copy(project.join(name), machine.path("checkout").join(name))
                .expect("a file of the checkout");
        }
        fs::write(machine.path("root/etc/os-release"), os_release).expect("an os-release");
        for tool in TOOLS {
            let mut places = ["/usr/bin", "/bin", "/run/current-system/sw/bin"]
                .iter()
                .map(|folder| Path::new(folder).join(tool));
            let real = places
                .find(|file| file.exists())
                .unwrap_or_else(|| panic!("this machine has no {tool}"));
            symlink(real, machine.path("bin").join(tool)).expect("a link to a tool");
        }

        // The quiet ones: their calls are no news.
        machine.stub("bin/chown", "exit 0");
        machine.stub("bin/setpriv", "shift 5; exec \"$@\"");
        machine.stub(
            "bin/rustc",
            "case $1 in --version) echo 'rustc 1.95.0 (59807616e 2026-04-14)' ;; *) echo 'host: a-host' ;; esac",
        );
        machine.stub(
            "shelf/bin/cc",
            "[ \"$1\" = -print-file-name=libc.a ] && echo /usr/lib/libc.a",
        );
        for part in [
            "pasta", "nft", "git", "bash", "npm", "keyctl", "ps", "ip", "ssh", "sshd", "make",
            "man",
        ] {
            machine.stub(&format!("shelf/bin/{part}"), "exit 0");
        }
        machine.stub("shelf/root/usr/bin/bwrap", "exit 0");
        fs::write(
            machine.path("shelf/root/etc/ssl/certs/ca-certificates.crt"),
            "",
        )
        .expect("certificates");

        machine.noted(
            "bin/cargo",
            "if [ \"$1\" = build ]; then mkdir -p target/a-host/release; \
             cp ../shelf/claudebox target/a-host/release/claudebox; \
             : >target/a-host/release/claudebox-verify; fi",
        );
        machine.claudebox(
            "check) echo can run ;; exec) echo uid=6001 ;; run) echo '2.1.197 (Claude Code)' ;;",
        );
        machine.noted(&format!("bin/{manager}"), INSTALL);
        machine
    }

    /// A new Debian.
    pub(crate) fn debian() -> Self {
        Self::new(DEBIAN, "apt-get")
    }

    /// A Debian on which everything was installed before.
    pub(crate) fn complete() -> Self {
        let machine = Self::debian();
        let first = machine.bootstrap(&["packages", "--yes"]);
        assert_eq!(first.code, Some(0), "{}{}", first.out, first.err);
        machine
    }

    /// The same machine with an ordinary user at work.
    pub(crate) fn with_an_ordinary_user(mut self) -> Self {
        self.uid = 1000;
        self
    }

    /// Where a file of the machine lies on this one.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Everything in the machine's folder, but what is inside of folders.
    pub(crate) fn listing(&self) -> Vec<OsString> {
        let entries = fs::read_dir(self.folder.path()).expect("the machine's folder");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort();
        names
    }

    /// A program that does this and whose calls are no news.
    pub(crate) fn stub(&self, name: &str, body: &str) {
        let file = self.path(name);
        // A link of that name leads to a tool of the real machine.
        if file.is_symlink() {
            fs::remove_file(&file).expect("the link is removed");
        }
        let at = self.folder.path().display();
        // Another program writes it: what a thread of this one has open for writing, a process that another thread starts meanwhile
        // has open too, and nobody can run it (ETXTBSY of execve(2)).
        let mut writer = Command::new("install")
            .args(["-m", "755", "/dev/stdin"])
            .arg(&file)
            .stdin(Stdio::piped())
            .spawn()
            .expect("install starts");
        let mut text = writer.stdin.take().expect("a pipe");
        write!(text, "#!/bin/sh\nat='{at}'\n{body}\n").expect("a stub");
        drop(text);
        assert!(writer.wait().expect("install ends").success(), "{name}");
    }

    /// A program that does this and whose calls are noted.
    pub(crate) fn noted(&self, name: &str, body: &str) {
        let program = Path::new(name).file_name().expect("a name").display();
        self.stub(
            name,
            &format!("echo \"{program} $*\" >>\"$at/calls\"\n{body}"),
        );
    }

    /// Adds to what such a program does; `$1` is its first argument.
    pub(crate) fn also(&self, name: &str, more: &str) {
        let file = self.path(name);
        let body = fs::read_to_string(&file).expect("the stub");
        fs::write(file, format!("{body}{more}\n")).expect("the stub");
    }

    /// Gives the claudebox that `cargo build` will bring its answers, by subcommand.
    pub(crate) fn claudebox(&self, arms: &str) {
        let verify =
            "verify) printf 'AGuard  proven\\n\\nTier: no guard is broken; 1 proven.\\n' ;;";
        self.noted(
            "shelf/claudebox",
            &format!("case $1 in {arms} {verify} esac"),
        );
    }

    /// A file with its folder.
    pub(crate) fn file(&self, name: &str, content: &str) {
        let file = self.path(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("its folder");
        fs::write(file, content).expect("a file");
    }

    /// `bootstrap` with these arguments, ready to start.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.stub(
            "bin/id",
            &format!("case $1 in -u) echo {} ;; *) echo kim ;; esac", self.uid),
        );
        let mut command = Command::new("/bin/sh");
        command
            .arg(self.path("checkout/bootstrap"))
            .args(arguments)
            .env_clear()
            .env("PATH", self.path("bin"))
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.folder.path())
            .env("CARGO_TARGET_DIR", self.path("checkout/target"))
            .env("CLAUDEBOX_BOOTSTRAP_ROOT", self.path("root"))
            .envs(self.environment.iter().copied())
            .stdin(Stdio::null());
        command
    }

    /// Runs `bootstrap`, without a terminal.
    pub(crate) fn bootstrap(&self, arguments: &[&str]) -> Run {
        self.noted_in(self.command(arguments).output().expect("/bin/sh starts"))
    }

    /// What came out, and the notes, which start anew.
    pub(crate) fn noted_in(&self, output: Output) -> Run {
        let notes = fs::read_to_string(self.path("calls")).unwrap_or_default();
        let _ = fs::remove_file(self.path("calls"));
        Run {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("UTF-8"),
            err: String::from_utf8(output.stderr).expect("UTF-8"),
            calls: notes.lines().map(str::to_owned).collect(),
        }
    }
}

impl Run {
    /// It ended well, and called exactly this.
    #[track_caller]
    pub(crate) fn did(&self, calls: &[&str]) {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        assert_eq!(self.calls, calls, "{}{}", self.out, self.err);
    }

    /// It ended in 125 after these calls, with these words in its error and one `hint:` line.
    #[track_caller]
    pub(crate) fn refused(&self, calls: &[&str], words: &[&str]) {
        assert_eq!(self.code, Some(125), "{}{}", self.out, self.err);
        assert_eq!(self.calls, calls, "{}{}", self.out, self.err);
        assert_eq!(self.err.matches("\nhint: ").count(), 1, "{}", self.err);
        for word in words {
            assert!(self.err.contains(word), "no {word:?} in: {}", self.err);
        }
    }
}
