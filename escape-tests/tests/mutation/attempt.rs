//! Owns one start of the launcher, whole or mutated, with one probe or with many: what was said, and the bait.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use escape_tests::claudebox_bin;
use escape_tests::harness::drive::LIMIT;
use escape_tests::harness::lab::{self, Lab};
use escape_tests::harness::mutation::{batch, launcher};
use escape_tests::harness::trial::{Spec, Way};
use escape_tests::probe::{Ending, Guard, Probe, Streams};
use rustix::process::{Pid, Signal, kill_process};

use crate::TRIAL;
use crate::setting::Setting;

/// What is attempted inside.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What<'a> {
    /// These probes, by name, in one sandbox.
    Many(&'a [&'a str]),
    /// This probe, in a sandbox of its own.
    One(&'a str, &'a Probe),
}

/// What a start gave.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: ExitStatus,
    pub(crate) late: bool,
    pub(crate) killed: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) meanwhile: Option<String>,
    pub(crate) lab: Lab,
}

/// A batch finds everything planted that any probe could want.
const EVERYTHING: Probe = Probe {
    behind: Guard::ALL,
    ..Probe::USUAL
};

/// Starts the launcher once.
pub(crate) fn start(
    setting: Setting,
    what: What<'_>,
    task: &launcher::Task,
    leaves_open: bool,
) -> Result<Told, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let (name, probe, inside) = match what {
        What::Many(_) => (batch::NAME, &EVERYTHING, this.clone()),
        What::One(name, probe) => (
            name,
            probe,
            PathBuf::from(env!("CARGO_BIN_EXE_probe-inside")),
        ),
    };
    let failed = |what: &str, error: io::Error| format!("{what}: {error}");
    let lab = Lab::new(probe, setting.tier, setting.as_root, &inside)
        .map_err(|error| failed("planting the bait", error))?;
    let bait = &lab.bait;
    let mutated = lab.caller.folder().join(launcher::NAME);
    symlink(&this, &mutated).map_err(|error| failed("linking the launcher", error))?;
    let spec = Spec {
        probe: name.to_owned(),
        way: Way::CommandLine,
        bait: bait.clone(),
        launcher: mutated,
        inside,
    };
    let order = launcher::Order {
        task: task.clone(),
        launcher: claudebox_bin(),
        leaves_open,
    };
    let spec_file = lab.caller.folder().join("trial.json");
    let json = |value: serde_json::Result<String>| value.map_err(|error| error.to_string());
    let (spec, order) = (
        json(serde_json::to_string(&spec))?,
        json(serde_json::to_string(&order))?,
    );
    fs::write(&spec_file, spec)
        .and_then(|()| fs::write(lab.caller.folder().join(launcher::ORDER), order))
        .map_err(|error| failed("writing the orders", error))?;

    let mut command = if setting.as_root {
        let mut command = Command::new(&this);
        command.env_clear().env("HOME", &bait.home);
        command.env("SHELL", "/bin/sh").current_dir(&bait.project);
        command
    } else {
        lab.caller.command(&this)
    };
    command.arg(TRIAL).arg(&spec_file).stderr(Stdio::piped());
    lab::environment(&mut command, bait);
    // As in every trial: the process group of the neighbour.
    command.process_group(bait.neighbour.pid);
    match probe.streams {
        Streams::Pipes => command.stdin(Stdio::piped()).stdout(Stdio::piped()),
        Streams::Files => {
            let input = File::open(&bait.stdin).map_err(|error| failed("opening stdin", error))?;
            let output = OpenOptions::new().append(true).open(&bait.stdout);
            let output = output.map_err(|error| failed("opening stdout", error))?;
            command.stdin(input).stdout(output)
        }
    };
    let mut child = command
        .spawn()
        .map_err(|error| failed("starting the trial", error))?;
    drop(command);
    let said = match what {
        What::Many(names) => serde_json::to_vec(&batch::Order {
            bait: bait.clone(),
            probes: names.iter().map(|name| (*name).to_owned()).collect(),
        }),
        What::One(..) => serde_json::to_vec(bait),
    };
    let said = said.map_err(|error| error.to_string())?;
    let feeder = child
        .stdin
        .take()
        .map(|mut stdin| thread::spawn(move || stdin.write_all(&said)));
    let told = wait(&mut child, probe, lab);
    // A launcher that never read is judged by what it said.
    feeder.map(thread::JoinHandle::join);
    Ok(told)
}

fn wait(child: &mut Child, probe: &Probe, lab: Lab) -> Told {
    let stdout = child.stdout.take().map(Stream::collect);
    let stderr = child.stderr.take().map(Stream::collect);
    let end = Instant::now() + LIMIT;
    let (mut late, mut killed, mut meanwhile) = (false, false, None);
    let status = loop {
        if let Ok(Some(status)) = child.try_wait() {
            break status;
        }
        meanwhile = meanwhile.or_else(|| (probe.meanwhile)(&lab.bait));
        let reported = stdout
            .as_ref()
            .is_some_and(|stdout| stdout.text().contains('\n'));
        late = late || Instant::now() > end;
        if late || (reported && probe.ending == Ending::LauncherKilled) {
            killed = !late;
            // The child was not waited for, so the PID is its own.
            let _ = kill_process(Pid::from_child(child), Signal::KILL);
            if let Ok(status) = child.wait() {
                break status;
            }
        }
        thread::sleep(Duration::from_millis(2));
    };
    let stdout = match stdout {
        Some(stdout) => stdout.rest(),
        None => {
            let said = fs::read_to_string(&lab.bait.stdout).unwrap_or_default();
            // What an earlier program said stands before it.
            said.lines()
                .skip(1)
                .map(|line| format!("{line}\n"))
                .collect()
        }
    };
    Told {
        status,
        late,
        killed,
        stdout,
        stderr: stderr.map(Stream::rest).unwrap_or_default(),
        meanwhile,
        lab,
    }
}

/// What a stream said so far.
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
                let mut said = shared.lock().expect("no reader panics");
                said.extend_from_slice(&buffer[..length]);
            }
        });
        Self { said, reader }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().expect("no reader panics")).into_owned()
    }

    /// All of it. Whoever still holds the stream open when the launcher is gone has two seconds to let go.
    fn rest(self) -> String {
        let end = Instant::now() + Duration::from_secs(2);
        while !self.reader.is_finished() && Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
        self.text()
    }
}
