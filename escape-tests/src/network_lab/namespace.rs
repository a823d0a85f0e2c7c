//! Owns namespaces without a name: held by descriptors of this process alone, so that the kernel removes them and all that is in
//! them when it ends, however it ends (network_namespaces(7)). They are made and entered by threads of their own.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};

/// A network namespace.
#[derive(Debug)]
pub struct Namespace(File);

/// Runs `act` on a thread of its own, whatever that does to its thread.
pub(super) fn apart<T: Send>(act: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let ended = scope.spawn(act).join();
        ended.unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
    })
}

impl Namespace {
    /// A new one, with a loopback that is down.
    pub(super) fn new() -> io::Result<Self> {
        apart(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            File::open("/proc/thread-self/ns/net").map(Self)
        })
    }

    /// Does `act` in it. Sockets that it makes stay there.
    ///
    /// # Errors
    /// As setns(2), or what `act` says.
    pub fn within<T: Send>(&self, act: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        apart(|| {
            self.enter()?;
            act()
        })
    }

    /// Brings the calling thread into it.
    pub(super) fn enter(&self) -> io::Result<()> {
        Ok(setns(&self.0, CloneFlags::CLONE_NEWNET)?)
    }

    #[must_use]
    /// A path to it for programs that this process starts, as long as this value lives.
    pub fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd()).into()
    }

    /// How the kernel calls it, as the links in `/proc/PID/ns` do.
    pub(super) fn name(&self) -> io::Result<String> {
        let link = fs::read_link(self.path())?;
        Ok(link.to_string_lossy().into_owned())
    }

    /// Sets what stands below `/proc/sys/net`, which shows the namespace of the thread that opens it.
    pub(super) fn set(&self, switches: &[(&str, &str)]) -> io::Result<()> {
        self.within(|| {
            switches.iter().try_for_each(|(switch, value)| {
                let path = format!("/proc/sys/net/{switch}");
                fs::write(&path, value)
                    .map_err(|error| io::Error::other(format!("setting {path}: {error}")))
            })
        })
    }

    /// Has `ip` (iproute2) work through these lines in it, for one family where `family` names it.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn ip(&self, family: &[&str], lines: &str) -> io::Result<()> {
        self.within(|| {
            let mut ip = Command::new("ip");
            ip.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
            ip.args(family).args(["-batch", "-"]);
            ip.stdin(Stdio::piped()).stdout(Stdio::piped());
            let started = ip.stderr(Stdio::piped()).spawn();
            let mut started = started.map_err(|error| {
                io::Error::other(format!("starting ip, which iproute2 brings: {error}"))
            })?;
            if let Some(mut stdin) = started.stdin.take() {
                stdin.write_all(lines.as_bytes())?;
            }
            let ended = started.wait_with_output()?;
            if ended.status.success() {
                return Ok(());
            }
            let said = String::from_utf8_lossy(&ended.stderr);
            Err(io::Error::other(format!("ip: {said}{lines}")))
        })
    }

    /// What `ip` and `nft` show of it, for a comparison.
    ///
    /// # Errors
    /// Where one of them cannot be started.
    pub fn shown(&self) -> io::Result<String> {
        self.within(|| {
            let mut shown = String::new();
            for line in [
                "ip -o link",
                "ip -o addr",
                "ip route show table all",
                "ip -6 route show table all",
                "ip rule",
                "ip -6 rule",
                "nft list ruleset",
            ] {
                let mut words = line.split(' ');
                let mut command = Command::new(words.next().unwrap_or(line));
                command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
                let ended = command.args(words).output();
                let ended = ended.map_err(|error| io::Error::other(format!("{line}: {error}")))?;
                shown += &format!("# {line}\n{}", String::from_utf8_lossy(&ended.stdout));
            }
            Ok(shown)
        })
    }
}
