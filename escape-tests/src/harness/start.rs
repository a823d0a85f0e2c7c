//! Owns one start of a trial's program: as whom, with which streams, how long; what it told, and the damage that it left.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::bait::Bait;
use super::lab::{self, EARLIER, Lab};
use super::on_terminal::OnTerminal;
use super::other_side;
use crate::probe::{Ending, Probe, Streams};

/// A trial that takes longer hangs, which is a failure.
pub const LIMIT: Duration = Duration::from_secs(10);

/// How long a trial of this probe may take. In the lab of networks it waits for what does not answer, address by address.
#[must_use]
pub fn limit(probe: &Probe) -> Duration {
    match probe.networks {
        Some(_) => 3 * LIMIT,
        None => LIMIT,
    }
}

/// How long bwrap works on a sandbox that it never finishes, before the launcher is killed.
const EARLY: Duration = Duration::from_millis(200);

/// How long the end of everything inside may take once the launcher is gone (RUN-04).
pub(crate) const GONE: Duration = Duration::from_secs(2);

/// One start.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// The program, which is a test binary, and its arguments.
    pub program: (&'a Path, &'a [String]),
    /// Whether uid 0 starts it.
    pub as_root: bool,
    /// Its streams and its end are those of this probe.
    pub probe: &'a Probe,
    /// What it reads on a standard input that is a pipe.
    pub input: &'a [u8],
    /// How long it may take.
    pub limit: Duration,
    /// Where it is started: in the project of the trial, or in another.
    pub folder: &'a Path,
}

/// Everything that a start told.
#[derive(Debug)]
pub struct Told {
    /// How it ended.
    pub status: ExitStatus,
    /// Whether it was killed because it took too long.
    pub late: bool,
    /// Whether it was killed because the probe wants that.
    pub killed: bool,
    /// What it said, without what an earlier program said there.
    pub stdout: String,
    /// What it said beside.
    pub stderr: String,
    /// The damage that was seen while it ran.
    meanwhile: Option<String>,
    /// bwrap and its child, where the launcher was killed while they made the sandbox.
    bwrap: Vec<Pid>,
}

impl Start<'_> {
    /// Starts it, and waits for its end.
    ///
    /// # Errors
    /// It could not be started.
    pub fn run(&self, lab: &Lab) -> io::Result<Told> {
        // What is read where standard input is no pipe.
        fs::write(&lab.bait.stdin, self.input)?;
        if self.probe.streams == Streams::Terminal {
            let mut terminal = OnTerminal::prepare(self.command(lab)?, lab)?;
            let mut child = terminal.spawn(lab)?;
            let told = self.wait(&mut child, &lab.bait);
            let stderr = terminal.write_down(&lab.bait)?;
            return Ok(Told { stderr, ..told });
        }
        let mut command = self.command(lab)?;
        let other_side = match other_side::of(self.probe.streams, lab)? {
            Some((stdin, other_side)) => {
                command.stdin(stdin);
                Some(other_side)
            }
            None => None,
        };
        let mut child = lab.spawn(&mut command)?;
        // It holds standard input open.
        drop(command);
        let input = self.input.to_vec();
        let stdin = child
            .stdin
            .take()
            .map(|stdin| File::from(OwnedFd::from(stdin)));
        // A terminal is told nothing; it is open until the session is over.
        let told_nothing = self.probe.streams == Streams::ForeignTerminal;
        let feeder = stdin.or(other_side).map(|mut stdin| {
            thread::spawn(move || {
                let written = if told_nothing {
                    Ok(())
                } else {
                    stdin.write_all(&input)
                };
                written.map(|()| told_nothing.then_some(stdin))
            })
        });
        let told = self.wait(&mut child, &lab.bait);
        // A launcher that never read is no failure by itself: the missing report is.
        feeder.map(thread::JoinHandle::join);
        Ok(told)
    }

    /// The program, as whom and with what it is started.
    pub(super) fn command(&self, lab: &Lab) -> io::Result<Command> {
        let bait = &lab.bait;
        let (program, arguments) = self.program;
        let mut command = lab.command_as(self.as_root, program);
        command.args(arguments).stderr(Stdio::piped());
        command.current_dir(self.folder);
        lab::environment(&mut command, bait);
        match self.probe.streams {
            Streams::Pipes => command.stdin(Stdio::piped()).stdout(Stdio::piped()),
            Streams::Files => command
                .stdin(File::open(&bait.stdin)?)
                .stdout(OpenOptions::new().append(true).open(&bait.stdout)?),
            // A session of its own, and so a group of its own.
            Streams::Terminal => return Ok(command),
            // What standard input is comes with its other side.
            Streams::Socket | Streams::Fifo | Streams::ForeignTerminal => {
                command.stdout(Stdio::piped())
            }
        };
        // The process group of the neighbour, as two programs of one pipeline are in one.
        command.process_group(bait.neighbour.pid);
        Ok(command)
    }

    fn wait(&self, child: &mut Child, bait: &Bait) -> Told {
        let stdout = child.stdout.take().map(Stream::collect);
        let stderr = child.stderr.take().map(Stream::collect);
        let end = Instant::now() + self.limit;
        let (mut late, mut killed, mut meanwhile) = (false, false, None);
        let (mut bwrap, mut seen_at) = (Vec::new(), None);
        let status = loop {
            if let Ok(Some(status)) = child.try_wait() {
                break status;
            }
            meanwhile = meanwhile.or_else(|| (self.probe.meanwhile)(bait));
            let pid = Pid::from_child(child);
            let time_to_kill = match self.probe.ending {
                Ending::ByItself => false,
                Ending::LauncherKilled => stdout
                    .as_ref()
                    .is_some_and(|stdout| stdout.text().contains('\n')),
                Ending::LauncherKilledEarly => {
                    bwrap = descendants(pid);
                    let seen_at = seen_at.get_or_insert_with(Instant::now);
                    // bwrap and its child.
                    if bwrap.len() < 2 {
                        *seen_at = Instant::now();
                    }
                    seen_at.elapsed() > EARLY
                }
            };
            late = late || Instant::now() > end;
            if late || time_to_kill {
                killed = !late;
                // The child was not waited for, so the PID is its own.
                if self.probe.streams == Streams::Terminal {
                    let _ = kill_process_group(pid, Signal::KILL);
                }
                let _ = kill_process(pid, Signal::KILL);
                if let Ok(status) = child.wait() {
                    break status;
                }
            }
            thread::sleep(Duration::from_millis(2));
        };
        Told {
            status,
            late,
            killed,
            stdout: stdout.map_or_else(|| said_in(&bait.stdout), |one| one.all(killed)),
            stderr: stderr.map(|one| one.all(killed)).unwrap_or_default(),
            meanwhile,
            bwrap,
        }
    }
}

/// The children of a process, and theirs (proc(5)).
fn descendants(parent: Pid) -> Vec<Pid> {
    let list = format!("/proc/{0}/task/{0}/children", parent.as_raw_nonzero());
    let list = fs::read_to_string(list).unwrap_or_default();
    let numbers = list.split_whitespace().filter_map(|one| one.parse().ok());
    let mut found: Vec<Pid> = numbers.filter_map(Pid::from_raw).collect();
    for child in found.clone() {
        found.extend(descendants(child));
    }
    found
}

/// Whether there is a live process of that number.
fn is_alive(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    let state = stat.as_ref().ok().and_then(|stat| stat.rsplit(") ").next());
    state.is_some_and(|state| !state.starts_with(['Z', 'X']))
}

/// What was said in a file that stands for the standard output.
pub(crate) fn said_in(file: &Path) -> String {
    let said = fs::read_to_string(file).unwrap_or_default();
    let lines = said.lines().filter(|line| !line.ends_with(EARLIER));
    lines.map(|line| format!("{line}\n")).collect()
}

impl Told {
    /// The damage, while it ran or now. What outlives the launcher has a moment to end.
    #[must_use]
    pub fn harm(&self, probe: &Probe, bait: &Bait) -> Option<String> {
        if self.meanwhile.is_some() {
            return self.meanwhile.clone();
        }
        let end = Instant::now() + GONE;
        loop {
            // Its child is not bound to any parent before it has made the sandbox. When it stops hanging it becomes a PID 1 that
            // finds no launcher, and ends: no instruction of the command is ever run.
            let left = self.bwrap.first().filter(|pid| is_alive(**pid));
            let harm = left.map(|_| "bwrap outlived the launcher by two seconds".to_owned());
            let harm = harm.or_else(|| (probe.harmed)(bait));
            if harm.is_none() || probe.ending == Ending::ByItself || Instant::now() > end {
                for pid in self.bwrap.iter().filter(|pid| is_alive(**pid)) {
                    let _ = kill_process(*pid, Signal::KILL);
                }
                return harm;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            status,
            stdout,
            stderr,
            ..
        } = self;
        write!(
            f,
            "\n--- {status}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        )
    }
}

/// More than all reports together: whoever says more says something else, and it is not kept.
const MOST: usize = 4 << 20;

/// What a stream said so far.
#[derive(Debug)]
pub(crate) struct Stream {
    said: Arc<Mutex<Vec<u8>>>,
    reader: thread::JoinHandle<()>,
}

impl Stream {
    pub(crate) fn collect(mut stream: impl Read + Send + 'static) -> Self {
        let said = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&said);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                let mut said = shared.lock().expect("no reader panics");
                let room = MOST.saturating_sub(said.len()).min(length);
                said.extend_from_slice(&buffer[..room]);
            }
        });
        Self { said, reader }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().expect("no reader panics")).into_owned()
    }

    /// All of it. Whoever still holds the stream open when the launcher is gone has a moment to let go, unless it was killed.
    pub(crate) fn all(self, killed: bool) -> String {
        let end = Instant::now() + if killed { Duration::ZERO } else { GONE };
        while !self.reader.is_finished() && Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
        self.text()
    }
}
