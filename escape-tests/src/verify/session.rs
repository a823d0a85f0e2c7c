//! Owns one start of the launcher with attacks inside: its command line, its streams, its end, and all that it told.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use claudebox::text::escape;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::SigSet;
use serde::{Deserialize, Serialize};

use super::ground::Ground;
use super::watch::Signals;
use super::{Failure, Named, REPORT, UNTRIED};
use crate::harness::bait::Bait;
use crate::harness::batch;
use crate::harness::start::{Stream, said_in};
use crate::harness::trial::{self, NO_TRIAL};
use crate::probe::{Ending, Streams};

/// The word by which the companion becomes the launcher.
pub const TRIAL: &str = "--trial";

/// The file with the [`Order`], in the folder of bait.
pub const ORDER: &str = "trial.json";

/// What the process that becomes the launcher is told.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    /// What was planted.
    pub bait: Bait,
    launcher: PathBuf,
    arguments: Vec<OsString>,
}

/// One start.
#[derive(Debug)]
pub(super) struct Session<'a> {
    pub(super) launcher: &'a Path,
    /// A sandbox that takes longer hangs.
    pub(super) limit: Duration,
    pub(super) flags: Vec<OsString>,
    /// What is attempted; more than one share streams and end by themselves.
    pub(super) probes: &'a [Named],
    pub(super) signals: &'a Signals,
}

/// What came of a start.
#[derive(Debug)]
pub(super) enum Started {
    /// The attempts were made, or should have been.
    Ran(Told),
    /// PID 1 found another sandbox than was planned, or another source where somebody meddled: what the launcher said.
    NotAsPlanned(String),
}

/// All that a start told.
#[derive(Debug)]
pub struct Told {
    /// What was said on standard output.
    pub stdout: String,
    /// Why nothing of it counts as held, if so.
    pub fault: Option<String>,
    /// The damage that was seen meanwhile, by probe.
    pub meanwhile: Vec<(&'static str, String)>,
}

/// Becomes the launcher, as the caller that the order at `path` describes. Returns only where it cannot.
#[must_use]
pub(super) fn become_the_launcher(path: Option<&Path>) -> u8 {
    let become_it = || -> Result<(), String> {
        let text =
            fs::read_to_string(path.ok_or("no order")?).map_err(|error| error.to_string())?;
        let order: Order = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        // What the companion keeps from itself is not kept from others.
        SigSet::all()
            .thread_unblock()
            .map_err(|errno| errno.to_string())?;
        trial::prepare(&order.bait)?;
        let error = Command::new(&order.launcher).args(&order.arguments).exec();
        Err(format!(
            "starting {}: {error}",
            escape(order.launcher.as_os_str())
        ))
    };
    let why = become_it().err().unwrap_or_default();
    let _ = writeln!(io::stderr(), "claudebox: {why}");
    NO_TRIAL
}

impl Session<'_> {
    /// Starts the launcher, and waits for its end.
    pub(super) fn run(&self, ground: &Ground) -> Result<Started, Failure> {
        let bait = ground.bait();
        let failed =
            |error: io::Error| Failure::new(format!("cannot start an attack: {error}"), REPORT);
        let mut command = self.command(bait).map_err(failed)?;
        let mut stalled = None;
        if self.meddle().is_some() {
            let (reader, writer) = short_pipe().map_err(failed)?;
            command.stderr(writer);
            stalled = Some(reader);
        }
        let input = self.input(bait).map_err(failed)?;
        let mut child = command.spawn().map_err(failed)?;
        // It holds the other end of the pipe.
        drop(command);
        let feeder = child
            .stdin
            .take()
            .map(|mut stdin| thread::spawn(move || stdin.write_all(&input)));
        let told = self.wait(&mut child, bait, stalled);
        // A launcher that never read is no failure by itself: the missing report is.
        feeder.map(thread::JoinHandle::join);
        told
    }

    fn killed_when_done(&self) -> bool {
        self.probes
            .iter()
            .any(|(_, probe)| probe.ending == Ending::LauncherKilled)
    }

    /// What the inside half reads. One that is killed is told alone, as it waits for that.
    fn input(&self, bait: &Bait) -> io::Result<Vec<u8>> {
        if self.killed_when_done() {
            return Ok(serde_json::to_vec(bait)?);
        }
        let probes = self
            .probes
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        let bait = bait.clone();
        Ok(serde_json::to_vec(&batch::Order { bait, probes })?)
    }

    fn arguments(&self, bait: &Bait) -> io::Result<Vec<OsString>> {
        let mut arguments: Vec<OsString> = vec!["exec".into(), "--yes".into()];
        arguments.extend(self.flags.iter().cloned());
        for (path, mode) in [
            (&bait.granted, ":ro"),
            (&bait.inside, ":ro"),
            (&bait.shared, ":rw"),
        ] {
            let mut path = path.clone().into_os_string();
            path.push(mode);
            arguments.extend(["--mount".into(), path]);
        }
        if self.meddle().is_some() {
            for path in long_grants(bait)? {
                arguments.extend(["--mount".into(), path.into_os_string()]);
            }
        }
        let name = match self.probes {
            [(name, _)] if self.killed_when_done() => name,
            _ => batch::NAME,
        };
        arguments.extend(["--".into(), bait.inside.clone().into(), name.into()]);
        Ok(arguments)
    }

    fn command(&self, bait: &Bait) -> io::Result<Command> {
        let order = Order {
            bait: bait.clone(),
            launcher: self.launcher.to_owned(),
            arguments: self.arguments(bait)?,
        };
        let file = bait.folder.join(ORDER);
        fs::write(&file, serde_json::to_string(&order)?)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(TRIAL).arg(file).stderr(Stdio::piped());
        command.envs(bait.environment.iter().map(|(name, value)| (name, value)));
        // The process group of the neighbour, as two programs of one pipeline are in one.
        command.process_group(bait.neighbour.pid);
        let files = self
            .probes
            .iter()
            .any(|(_, probe)| probe.streams == Streams::Files);
        if files {
            fs::write(&bait.stdin, self.input(bait)?)?;
            command.stdin(File::open(&bait.stdin)?);
            command.stdout(OpenOptions::new().append(true).open(&bait.stdout)?);
        } else {
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
        }
        Ok(command)
    }

    fn meddle(&self) -> Option<Meddle> {
        self.probes.iter().find_map(|(_, probe)| probe.meddle)
    }

    fn wait(
        &self,
        child: &mut Child,
        bait: &Bait,
        mut stalled: Option<io::PipeReader>,
    ) -> Result<Started, Failure> {
        let stdout = child.stdout.take().map(Stream::collect);
        let mut stderr = child.stderr.take().map(Stream::collect);
        let end = Instant::now() + self.limit;
        let (mut late, mut killed, mut meanwhile) = (false, false, Vec::new());
        let kill = |child: &mut Child| {
            // It was not waited for, so the PID is its own. All that is inside ends with it.
            let _ = child.kill();
            child.wait()
        };
        let status = loop {
            if let Some(signal) = self.signals.next() {
                let _ = kill(child);
                return Err(Failure::Interrupted(signal));
            }
            if let Ok(Some(status)) = child.try_wait() {
                break status;
            }
            // What it says first is the audit, and what is mounted is held by then.
            let told = |reader: &mut io::PipeReader| {
                rustix::io::ioctl_fionread(reader).is_ok_and(|there| there > 0)
            };
            if let Some(reader) = stalled.take_if(told) {
                let meddled = self.meddle().map_or(Ok(()), |meddle| meddle(bait));
                if let Err(error) = meddled {
                    let _ = kill(child);
                    return Err(Failure::new(format!("cannot meddle: {error}"), REPORT));
                }
                stderr = Some(Stream::collect(reader));
            }
            for (name, probe) in self.probes {
                meanwhile.extend((probe.meanwhile)(bait).map(|seen| (*name, seen)));
            }
            let reported = || {
                let said = stdout.as_ref().map(Stream::text);
                said.is_some_and(|said| said.contains('\n'))
            };
            late = Instant::now() > end;
            if late || (self.killed_when_done() && reported()) {
                killed = !late;
                if let Ok(status) = kill(child) {
                    break status;
                }
            }
            thread::sleep(Duration::from_millis(2));
        };
        // It may have ended before it was seen to say anything.
        let stderr = stderr.or_else(|| stalled.map(Stream::collect));
        let stdout = stdout.map_or_else(|| said_in(&bait.stdout), |one| one.all(killed));
        let stderr = stderr.map(|one| one.all(killed)).unwrap_or_default();
        if late {
            let what = format!("the sandbox did not end within {} s", self.limit.as_secs());
            return Ok(Started::Ran(Told {
                stdout,
                fault: Some(what),
                meanwhile,
            }));
        }
        if stdout.is_empty() && !status.success() {
            return refusal(status, &stderr, self.meddle().is_some());
        }
        let as_wished = if killed {
            status.signal() == Some(9)
        } else {
            status.success()
        };
        let fault = (!as_wished).then(|| format!("the launcher ended with {status}"));
        Ok(Started::Ran(Told {
            stdout,
            fault,
            meanwhile,
        }))
    }
}

/// A long name of a file.
const LONG: usize = 200;

type Meddle = fn(&Bait) -> io::Result<()>;

/// A pipe for standard error that holds one page: whoever writes a longer audit waits in the midst of it.
fn short_pipe() -> io::Result<(io::PipeReader, io::PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    let page = i32::try_from(rustix::param::page_size()).map_err(io::Error::other)?;
    fcntl(&writer, FcntlArg::F_SETPIPE_SZ(page))?;
    Ok((reader, writer))
}

/// Grants whose names alone are more than a page, so that the audit is.
fn long_grants(bait: &Bait) -> io::Result<Vec<PathBuf>> {
    let count = rustix::param::page_size() / LONG + 1;
    let grant = |number: usize| {
        let path = bait.folder.join(format!("{number:x<LONG$}"));
        fs::write(&path, "").map(|()| path)
    };
    (0..count).map(grant).collect()
}

/// The launcher started nothing: what it said.
fn refusal(status: ExitStatus, stderr: &str, meddled: bool) -> Result<Started, Failure> {
    // The audit stands before it.
    let lines: Vec<&str> = stderr.lines().collect();
    let said = lines
        .iter()
        .rposition(|line| line.starts_with("claudebox: "));
    let Some(said) = said.map(|at| &lines[at..]) else {
        let what = format!("the launcher made no sandbox, and said nothing of it ({status})");
        return Err(Failure::new(what, REPORT));
    };
    let what = said[0].trim_start_matches("claudebox: ");
    if status.code() == Some(NO_TRIAL.into()) {
        return Err(Failure::new(escape(what.as_ref()), REPORT));
    }
    // Where nobody meddled, a source that was swapped is the doing of somebody else.
    let told = [
        "the sandbox is not what was planned: ",
        "nothing was started: ",
    ];
    let told = &told[..if meddled { 2 } else { 1 }];
    let found = told.iter().find_map(|told| what.strip_prefix(told));
    if let (true, Some(found)) = (status.code() == Some(UNTRIED.into()), found) {
        return Ok(Started::NotAsPlanned(found.to_owned()));
    }
    let words = said.iter().map(|line| shown(line) + "\n");
    Err(Failure::Refused(words.collect()))
}

/// A line that the launcher escaped already, should it be one that did not.
fn shown(line: &str) -> String {
    escape(line.as_ref()).replace("\\\\", "\\")
}
