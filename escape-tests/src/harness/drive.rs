//! Owns one trial from outside: starts it, waits with a limit, reads its one line, looks for damage, judges.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use claudebox::cli::Tier;
use rustix::process::{Pid, Signal, kill_process};

use super::inside::Report;
use super::lab::{self, Lab};
use super::trial::{Spec, Way};
use crate::probe::{Act, Bait, Ending, Probe, Seen, Streams, Verdict};

/// A trial that takes longer hangs, which is a failure.
pub const LIMIT: Duration = Duration::from_secs(10);

/// How long the end of everything inside may take once the launcher is gone (RUN-04).
const GONE: Duration = Duration::from_secs(2);

/// One trial.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The probe's name.
    pub name: String,
    /// The probe.
    pub probe: Probe,
    /// How the launcher is started.
    pub way: Way,
    /// On which tier.
    pub tier: Tier,
    /// Whether uid 0 starts it.
    pub as_root: bool,
    /// The launcher.
    pub launcher: PathBuf,
    /// The inside half.
    pub inside: PathBuf,
    /// How this program is started so that it is a trial: it gets the path of the [`Spec`] as one more argument.
    pub again: (PathBuf, Vec<String>),
    /// How long it may take.
    pub limit: Duration,
}

/// Everything that a trial gave.
#[derive(Debug)]
struct Told {
    status: ExitStatus,
    late: bool,
    killed: bool,
    stdout: String,
    stderr: String,
    meanwhile: Option<String>,
}

impl Trial {
    /// Makes the trial.
    ///
    /// # Errors
    /// Why it is a failure, with all that is known.
    pub fn run(&self) -> Result<(), String> {
        let lab = Lab::new(&self.probe, self.tier, self.as_root, &self.inside)
            .map_err(|error| format!("planting the bait: {error}"))?;
        self.run_in(&lab)
    }

    /// Makes the trial with bait that is planted.
    ///
    /// # Errors
    /// Why it is a failure.
    pub fn run_in(&self, lab: &Lab) -> Result<(), String> {
        let bait = &lab.bait;
        let told = self.start(lab)?;
        if self.probe.meddle.is_some() && self.way == Way::Holds {
            let harm = self.harm(bait);
            return self
                .refused(&told)
                .and_then(|()| harm.map_or(Ok(()), Err))
                .map_err(|why| format!("{why}{told}"));
        }
        let report = self.report(&told).map_err(|why| format!("{why}{told}"))?;
        let verdict = self.probe.expect.judge(&report.seen, bait);
        let harm = told.meanwhile.clone().or_else(|| self.harm(bait));
        let outcome = match self.way {
            Way::Holds | Way::CommandLine => held(&verdict, harm),
            Way::Bites => bit(&verdict, harm),
            Way::Alone(_) => held_alone(&verdict, &report.seen, harm),
        };
        outcome.map_err(|why| format!("{}\n{why}{told}", self.probe.asks))
    }

    /// The damage. What outlives the launcher has a moment to end.
    fn harm(&self, bait: &Bait) -> Option<String> {
        let end = Instant::now() + GONE;
        loop {
            let harm = (self.probe.harmed)(bait);
            if harm.is_none() || self.probe.ending == Ending::ByItself || Instant::now() > end {
                return harm;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn start(&self, lab: &Lab) -> Result<Told, String> {
        let bait = &lab.bait;
        let spec = Spec {
            probe: self.name.clone(),
            way: self.way,
            bait: bait.clone(),
            launcher: self.launcher.clone(),
            inside: self.inside.clone(),
        };
        let failed = |what: &str, error: std::io::Error| format!("{what}: {error}");
        let order = lab.caller.folder().join("trial.json");
        let spec = serde_json::to_string(&spec).map_err(|error| error.to_string())?;
        fs::write(&order, &spec)
            .map_err(|error| failed("writing the order of the trial", error))?;
        let mut command = if self.as_root {
            let mut command = Command::new(&self.again.0);
            command
                .env_clear()
                .env("HOME", &bait.home)
                .env("SHELL", "/bin/sh")
                .current_dir(&bait.project);
            command
        } else {
            lab.caller.command(&self.again.0)
        };
        command.args(&self.again.1).arg(&order);
        lab::environment(&mut command, bait);
        // The process group of the neighbour, as two programs of one pipeline are in one.
        command.process_group(bait.neighbour.pid);
        command.stderr(Stdio::piped());
        match self.probe.streams {
            Streams::Pipes => command.stdin(Stdio::piped()).stdout(Stdio::piped()),
            Streams::Files => {
                let input =
                    File::open(&bait.stdin).map_err(|error| failed("opening stdin", error))?;
                let output = OpenOptions::new().append(true).open(&bait.stdout);
                let output = output.map_err(|error| failed("opening stdout", error))?;
                command.stdin(input).stdout(output)
            }
        };
        let mut child = command
            .spawn()
            .map_err(|error| failed("starting the trial", error))?;
        drop(command);
        let bytes = serde_json::to_vec(bait).map_err(|error| error.to_string())?;
        let feeder = child
            .stdin
            .take()
            .map(|mut stdin| thread::spawn(move || stdin.write_all(&bytes)));
        let told = self.wait(&mut child, bait);
        // A launcher that never read is no failure by itself: the missing report is.
        feeder.map(thread::JoinHandle::join);
        Ok(told)
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
        let stdout = match (self.probe.streams, stdout) {
            (Streams::Pipes, Some(stdout)) => stdout.rest(),
            // What an earlier program said stands before it.
            _ => fs::read_to_string(&bait.stdout)
                .unwrap_or_default()
                .lines()
                .last()
                .unwrap_or_default()
                .to_owned(),
        };
        Told {
            status,
            late,
            killed,
            stdout,
            stderr: stderr.map(Stream::rest).unwrap_or_default(),
            meanwhile,
        }
    }

    /// The one line. Anything else is a failure: silence, two lines, another probe's line, an exit status that is not 0.
    fn report(&self, told: &Told) -> Result<Report, String> {
        if told.late {
            return Err(format!("it did not end within {:?}", self.limit));
        }
        let as_wished = if told.killed {
            told.status.signal() == Some(9)
        } else {
            told.status.success()
        };
        if !as_wished {
            return Err(format!("the trial ended with {}", told.status));
        }
        let mut lines = told.stdout.lines();
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return Err(format!(
                "{} lines were reported, not one",
                told.stdout.lines().count()
            ));
        };
        let report: Report =
            serde_json::from_str(line).map_err(|error| format!("not a report: {error}"))?;
        if report.probe != self.name {
            return Err(format!("the report is of {}", report.probe));
        }
        Ok(report)
    }
}

impl Trial {
    /// The launcher refused to start, and named a guard of the probe. No other failure will do.
    fn refused(&self, told: &Told) -> Result<(), String> {
        let named = self
            .probe
            .behind
            .iter()
            .any(|guard| told.stderr.contains(&format!("{}: ", guard.name())));
        if told.late
            || told.status.code() != Some(super::trial::NO_TRIAL.into())
            || !named
            || !told.stdout.is_empty()
        {
            return Err("it did not refuse to start for the guards of this probe".into());
        }
        Ok(())
    }
}

/// Under the real plan: exactly what was expected, and no damage.
fn held(verdict: &Verdict, harm: Option<String>) -> Result<(), String> {
    let wrong: Vec<String> = verdict.differences.iter().cloned().chain(harm).collect();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n"))
    }
}

/// With one guard left: nothing is reached, and no damage. Another wall may answer with another error.
fn held_alone(verdict: &Verdict, seen: &Seen, harm: Option<String>) -> Result<(), String> {
    let silent = seen.0.is_empty().then(|| "nothing was reported".to_owned());
    let not_tried = seen
        .0
        .iter()
        .filter(|(_, act)| matches!(act, Act::Broken(_)));
    let not_tried = not_tried.map(|(what, act)| format!("{what}: {act}"));
    let wrong = verdict
        .breaches
        .iter()
        .cloned()
        .chain(silent)
        .chain(not_tried)
        .chain(harm);
    let wrong: Vec<String> = wrong.collect();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n"))
    }
}

/// With the guards taken away: the attack works. Another error than before is not that.
fn bit(verdict: &Verdict, harm: Option<String>) -> Result<(), String> {
    if harm.is_some() || !verdict.breaches.is_empty() {
        return Ok(());
    }
    let mut why =
        "with its guards taken away, nothing was reached: the probe proves nothing".to_owned();
    for difference in &verdict.differences {
        why += &format!("\nonly: {difference}");
    }
    Err(why)
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

/// What a stream said so far.
#[derive(Debug)]
struct Stream {
    said: Arc<Mutex<Vec<u8>>>,
    reader: thread::JoinHandle<()>,
}

impl Stream {
    fn collect(mut stream: impl Read + Send + 'static) -> Self {
        let said = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&said);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                shared
                    .lock()
                    .expect("no reader panics")
                    .extend_from_slice(&buffer[..length]);
            }
        });
        Self { said, reader }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().expect("no reader panics")).into_owned()
    }

    /// All of it. Whoever still holds the stream open when the launcher is gone has two seconds to let go.
    fn rest(self) -> String {
        let end = Instant::now() + GONE;
        while !self.reader.is_finished() && Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
        self.text()
    }
}

/// Whether this run of the test program is a trial: then it is made, and this is its exit status.
#[must_use]
pub fn trial_of(
    arguments: &[String],
    word: &str,
    run: impl Fn(&Spec) -> Result<u8, String>,
) -> Option<u8> {
    let [first, path] = arguments else {
        return None;
    };
    if first != word {
        return None;
    }
    let spec = fs::read_to_string(Path::new(path)).map_err(|error| error.to_string());
    let spec = spec.and_then(|spec| serde_json::from_str(&spec).map_err(|error| error.to_string()));
    Some(spec.and_then(|spec| run(&spec)).unwrap_or_else(|why| {
        let _ = writeln!(std::io::stderr(), "no trial: {why}");
        super::trial::NO_TRIAL
    }))
}
