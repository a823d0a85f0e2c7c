//! Owns a session in a lab of its own: a caller, a port at which everyone listens, and a program inside that knocks.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io::{self, BufRead, BufReader, Read};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use escape_tests::network_lab::NetworkLab;
use escape_tests::network_lab::entrance::{Resolver, Swap};
use escape_tests::network_lab::map::{PUBLIC, parsed};
use escape_tests::network_lab::watch::{Contact, Watch, contacts};
use escape_tests::{Caller, claudebox_bin};
use libtest_mimic::Failed;
use nix::unistd::Pid;

/// A lab of the test's own, with a caller and a port.
pub(crate) struct Scene {
    pub(crate) lab: NetworkLab,
    pub(crate) caller: Caller,
    pub(crate) watch: Watch,
    pub(crate) heard: PathBuf,
    pub(crate) resolver: Resolver,
    /// What is started: the launcher, unless a test says otherwise.
    pub(crate) launcher: PathBuf,
    /// Programs of the host that are others for its sessions.
    pub(crate) swaps: Vec<Swap>,
}

/// A session in which a program knocks at addresses again and again, and says a line for each round.
pub(crate) struct Session {
    pub(crate) launcher: Child,
    pub(crate) lines: std::sync::mpsc::Receiver<String>,
}

impl Scene {
    pub(crate) fn new(resolver: Resolver) -> Result<Self, Failed> {
        let lab = NetworkLab::new()?;
        let caller = Caller::new();
        let heard = caller.folder().join("contacts");
        let watch = lab.watch(&heard)?;
        Ok(Self {
            lab,
            caller,
            watch,
            heard,
            resolver,
            launcher: claudebox_bin(),
            swaps: Vec::new(),
        })
    }

    /// The launcher on a tier, with more options behind that, as the caller, with this command inside.
    pub(crate) fn claudebox(&self, options: &[&str], command: &[OsString]) -> Command {
        let mut claudebox = self.caller.command(&self.launcher);
        claudebox.args(["exec", "--yes", "--network"]).args(options);
        claudebox.arg("--mount");
        claudebox.arg(env!("CARGO_BIN_EXE_knocker"));
        claudebox.arg("--").args(command);
        claudebox
    }

    /// A session that knocks at these addresses until it is told to end.
    pub(crate) fn knock(
        &self,
        options: &[&str],
        rounds: usize,
        addresses: &[IpAddr],
    ) -> Result<Session, Failed> {
        let mut words: Vec<OsString> = vec![env!("CARGO_BIN_EXE_knocker").into()];
        words.push(self.watch.port.to_string().into());
        words.push(rounds.to_string().into());
        words.extend(addresses.iter().map(|address| address.to_string().into()));
        self.begin(&mut self.claudebox(options, &words))
    }

    /// A session whose program says lines.
    pub(crate) fn begin(&self, command: &mut Command) -> Result<Session, Failed> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut launcher = self.spawn(command)?;
        let stdout = launcher.stdout.take().ok_or("no standard output")?;
        let (sender, lines) = std::sync::mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Session { launcher, lines })
    }

    /// What hides a program: a file that nobody can run.
    pub(crate) fn no_program(&self) -> io::Result<PathBuf> {
        let nothing = self.caller.folder().join("nothing");
        fs::write(&nothing, "")?;
        Ok(nothing)
    }

    /// A script of root's.
    pub(crate) fn script(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let script = self.caller.folder().join(name);
        fs::write(&script, format!("#!/bin/sh\n{text}\n"))?;
        fs::set_permissions(&script, Permissions::from_mode(0o755))?;
        Ok(script)
    }

    /// Starts a program on the host of the lab.
    pub(crate) fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        self.lab.spawn_with(self.resolver, &self.swaps, command)
    }

    pub(crate) fn contacts(&self) -> Result<Vec<Contact>, Failed> {
        self.watch.settle()?;
        Ok(contacts(&self.heard))
    }

    /// Where else than at the public addresses something was heard.
    pub(crate) fn elsewhere(&self) -> Result<Vec<String>, Failed> {
        let public = parsed(&PUBLIC);
        let contacts = self.contacts()?.into_iter();
        let elsewhere = contacts.filter(|one| !public.contains(&one.to));
        Ok(elsewhere.map(|one| one.to_string()).collect())
    }
}

impl Session {
    /// What the next whole round gave: for each address `reached` or an error.
    pub(crate) fn round(&mut self) -> Result<Vec<String>, Failed> {
        match self.lines.recv_timeout(Duration::from_secs(15)) {
            Ok(line) => Ok(line.split(' ').map(str::to_owned).collect()),
            Err(_) => {
                let _ = self.launcher.kill();
                let mut said = String::new();
                if let Some(mut stderr) = self.launcher.stderr.take() {
                    stderr.read_to_string(&mut said)?;
                }
                Err(format!("the session says nothing more: {said}").into())
            }
        }
    }

    /// Waits until the address of this number gives `wanted` in two rounds that follow each other. How long it took.
    pub(crate) fn until(&mut self, number: usize, wanted: &str) -> Result<Duration, Failed> {
        let (began, mut times) = (Instant::now(), 0);
        loop {
            let round = self.round()?;
            times = if round.get(number).is_some_and(|act| act == wanted) {
                times + 1
            } else {
                0
            };
            if times == 2 {
                return Ok(began.elapsed());
            }
            if began.elapsed() > Duration::from_secs(10) {
                return Err(format!("no {wanted} at {number}: {round:?}").into());
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.launcher.kill();
        let _ = self.launcher.wait();
    }
}

/// Programs that run in the network namespace of this name, this one aside.
pub(crate) fn processes_in(namespace: &str) -> Vec<(Pid, String)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let there = entries.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let link = fs::read_link(entry.path().join("ns/net")).ok()?;
        let name = fs::read_to_string(entry.path().join("comm")).ok()?;
        (link == Path::new(namespace)).then(|| (Pid::from_raw(pid), name.trim().to_owned()))
    });
    there.filter(|(_, name)| name != "network").collect()
}

/// The same by their names.
pub(crate) fn helpers_in(namespace: &str) -> Vec<String> {
    let there = processes_in(namespace).into_iter();
    there.map(|(_, name)| name).collect()
}

/// A process as /proc shows it.
pub(crate) struct Process {
    /// Its command line.
    pub(crate) line: String,
    network: PathBuf,
}

impl Process {
    /// Whether it runs in the network namespace of this name.
    pub(crate) fn is_in(&self, namespace: &str) -> bool {
        self.network == Path::new(namespace)
    }
}

/// The processes for which `wanted` holds, by their command lines.
pub(crate) fn all_of(wanted: impl Fn(&Process) -> bool) -> Vec<String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = entries.filter_map(|entry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let network = fs::read_link(entry.path().join("ns/net")).unwrap_or_default();
        Some(Process { line, network })
    });
    let wanted = processes.filter(|process| wanted(process));
    wanted.map(|process| process.line).collect()
}

/// A child that ends with this value.
pub(crate) struct Killed(pub(crate) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
