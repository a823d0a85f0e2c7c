//! Owns one start of a trial's program: as whom, with which streams, how long; what it told, and the damage that it left.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::bait::Bait;
use super::lab::{self, EARLIER, Lab};
use crate::probe::{Ending, Probe, Streams};

/// A trial that takes longer hangs, which is a failure.
pub const LIMIT: Duration = Duration::from_secs(10);

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
}

impl Start<'_> {
    /// Starts it, and waits for its end.
    ///
    /// # Errors
    /// It could not be started.
    pub fn run(&self, lab: &Lab) -> io::Result<Told> {
        let mut child = self.command(lab)?.spawn()?;
        let input = self.input.to_vec();
        let feeder = child
            .stdin
            .take()
            .map(|mut stdin| thread::spawn(move || stdin.write_all(&input)));
        let told = self.wait(&mut child, &lab.bait);
        // A launcher that never read is no failure by itself: the missing report is.
        feeder.map(thread::JoinHandle::join);
        Ok(told)
    }

    fn command(&self, lab: &Lab) -> io::Result<Command> {
        let bait = &lab.bait;
        let (program, arguments) = self.program;
        let mut command = if self.as_root {
            let mut command = Command::new(program);
            command.env_clear().env("HOME", &bait.home);
            command.env("SHELL", "/bin/sh").current_dir(&bait.project);
            command
        } else {
            lab.caller.command(program)
        };
        command.args(arguments).stderr(Stdio::piped());
        lab::environment(&mut command, bait);
        // The process group of the neighbour, as two programs of one pipeline are in one.
        command.process_group(bait.neighbour.pid);
        match self.probe.streams {
            Streams::Pipes => command.stdin(Stdio::piped()).stdout(Stdio::piped()),
            Streams::Files => command
                .stdin(File::open(&bait.stdin)?)
                .stdout(OpenOptions::new().append(true).open(&bait.stdout)?),
        };
        Ok(command)
    }

    fn wait(&self, child: &mut Child, bait: &Bait) -> Told {
        let stdout = child.stdout.take().map(Stream::collect);
        let stderr = child.stderr.take().map(Stream::collect);
        let end = Instant::now() + self.limit;
        let (mut late, mut killed, mut meanwhile) = (false, false, None);
        let status = loop {
            if let Ok(Some(status)) = child.try_wait() {
                break status;
            }
            meanwhile = meanwhile.or_else(|| (self.probe.meanwhile)(bait));
            let reported = stdout
                .as_ref()
                .is_some_and(|stdout| stdout.text().contains('\n'));
            late = late || Instant::now() > end;
            if late || (reported && self.probe.ending == Ending::LauncherKilled) {
                killed = !late;
                // The child was not waited for, so the PID is its own.
                let _ = kill_process(Pid::from_child(child), Signal::KILL);
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
            stdout: stdout.map_or_else(|| said_in(&bait.stdout), Stream::rest),
            stderr: stderr.map(Stream::rest).unwrap_or_default(),
            meanwhile,
        }
    }
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
            let harm = (probe.harmed)(bait);
            if harm.is_none() || probe.ending == Ending::ByItself || Instant::now() > end {
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

    /// All of it. Whoever still holds the stream open when the launcher is gone has a moment to let go.
    pub(crate) fn rest(self) -> String {
        let end = Instant::now() + GONE;
        while !self.reader.is_finished() && Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
        self.text()
    }
}
