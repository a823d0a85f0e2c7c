//! Owns acting: starts bwrap for an [`Invocation`], judges what PID 1 found, waits, forwards signals, and gives the terminal
//! back. The only module of the host side that changes anything, or runs a program.
//!
//! One thread starts bwrap and stays until the end: `PR_SET_PDEATHSIG` counts the thread, not the process (prctl(2)).
#![expect(clippy::disallowed_methods, reason = "launch is the one that acts")]

mod pins;
mod relay;
mod terminal;
mod verdict;

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use command_fds::{CommandFdExt, FdMapping};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

pub use self::pins::Pins;
pub use self::verdict::Difference;
use crate::bwrap::{ARGUMENTS, Content, Invocation};
use crate::facts::Facts;
use crate::guard::Guard;
use crate::hint::Hint;
use crate::init::{CONTROL, Event, Found, ORDER, STDERR, Word, hear, say};
use crate::plan::{Action, Plan};
use crate::text::Text;

/// How long the command may take to end after SIGTERM or SIGHUP, before everything is killed.
const GRACE: Duration = Duration::from_secs(10);

/// How long bwrap may take until PID 1 speaks. It takes milliseconds; a part that hangs must not hang the user.
const START_LIMIT: Duration = Duration::from_secs(10);

/// `si_code` of a signal that no process sent (sigaction(2)).
const SI_KERNEL: i32 = 0x80;

/// Signals that are passed to the command.
const FORWARDED: [Signal; 8] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
    Signal::SIGTSTP,
];

/// How it ended.
#[must_use]
#[derive(Debug)]
pub struct Outcome {
    /// The exit status for the caller.
    pub status: u8,
    /// What PID 1 found, and the launcher agreed with.
    pub found: Found,
}

/// Why the command did not start, or was ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// A descriptor, a socket, a memory file.
    #[error("cannot {what}")]
    Prepare {
        what: &'static str,
        source: io::Error,
    },
    /// What is to be mounted is gone, or is a link now.
    #[error("{path} is not what it was when the plan was made")]
    Source { path: Text, source: io::Error },
    /// bwrap did not start.
    #[error("cannot run {program}")]
    Start { program: Text, source: io::Error },
    /// bwrap gave up, in its own words.
    #[error("bubblewrap could not make the sandbox: {said}")]
    Bwrap { said: String, hint: Option<String> },
    /// bwrap or PID 1 hangs.
    #[error("{program} made no sandbox within {limit} s and was ended")]
    Hangs { program: Text, limit: u64 },
    /// PID 1 failed.
    #[error("PID 1 inside failed: {0}")]
    Init(String),
    /// Inside is not what the plan promises (HARD-05).
    #[error("the sandbox is not what was planned: {0}")]
    Different(String),
    /// The caller's file did not take what the command wrote.
    #[error("what the command wrote could not be passed on")]
    Relay(#[source] io::Error),
    /// A signal came before the command was there to take it.
    #[error("ended by {0} before anything was started")]
    Interrupted(Signal),
    /// A source of a mount was replaced after it was shown.
    #[error("nothing was started: {0}")]
    Swapped(String),
    /// The command was not found, or cannot be executed.
    #[error("{why}")]
    Command { status: u8, why: String },
}

impl LaunchError {
    /// The exit status that belongs to it (RUN-03).
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            LaunchError::Command { status, .. } => *status,
            LaunchError::Interrupted(signal) => 128 + *signal as u8,
            _ => 125,
        }
    }
}

impl Hint for LaunchError {
    fn hint(&self) -> Option<String> {
        match self {
            LaunchError::Bwrap { hint, .. } => hint.clone(),
            LaunchError::Hangs { .. } | LaunchError::Init(_) | LaunchError::Start { .. } => {
                Some("claudebox check tells what of this host is in the way".into())
            }
            LaunchError::Different(_) => Some("nothing was started; please report this with `claudebox plan --json`".into()),
            LaunchError::Command { status: 127, .. } => {
                Some("only what lies in the project, in /usr or in the Nix store exists inside; --mount PATH shows more".into())
            }
            LaunchError::Source { .. } | LaunchError::Swapped(_) => {
                Some("somebody changes it at this moment; look at it, then start again".into())
            }
            LaunchError::Command { .. } => {
                Some("make it executable (chmod +x), or start it by its interpreter".into())
            }
            LaunchError::Relay(_) => Some("make room where the output goes, then run it again".into()),
            LaunchError::Interrupted(_) | LaunchError::Prepare { .. } => None,
        }
    }
}

fn prepare<T, E: Into<io::Error>>(
    what: &'static str,
    result: Result<T, E>,
) -> Result<T, LaunchError> {
    result.map_err(|source| LaunchError::Prepare {
        what,
        source: source.into(),
    })
}

/// Closes everything but 0, 1, 2 that the caller left open. To be called first, before anything is opened.
///
/// # Errors
/// Where `/proc/self/fd` cannot be read.
pub fn close_inherited() -> io::Result<()> {
    crate::init::close_all_but(&[])
}

/// Carries `plan` out and waits for its end.
///
/// # Errors
/// Where the sandbox is not what was planned, or the command cannot be started; then nothing was started.
pub fn launch(plan: &Plan, facts: &Facts) -> Result<Outcome, LaunchError> {
    launch_pinned(plan, facts, &Pins::hold(plan)?)
}

/// The same, with sources that were held before a person was asked.
///
/// # Errors
/// As [`launch`].
pub fn launch_pinned(plan: &Plan, facts: &Facts, pins: &Pins) -> Result<Outcome, LaunchError> {
    let mut invocation = Invocation::of(plan);
    let mut mask = SigSet::empty();
    for signal in FORWARDED
        .into_iter()
        .chain([Signal::SIGCHLD, Signal::SIGTTOU])
    {
        mask.add(signal);
    }
    prepare("block signals", mask.thread_block())?;
    mask.remove(Signal::SIGTTOU);
    let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK);
    let signals = prepare("listen for signals", signals)?;
    if plan
        .steps
        .iter()
        .any(|step| step.action == Action::JoinNewKeyring)
    {
        join_new_keyring()?;
    }
    let terminal = terminal::Terminal::open();
    // With a pipe on one side, the others of the job may need the terminal (less, fzf): then it is given when it is asked for.
    let alone = plan.stdio[0] == crate::facts::Stdio::Terminal
        && plan.stdio[1] == crate::facts::Stdio::Terminal;
    invocation.order.foreground =
        alone && terminal.as_ref().is_some_and(terminal::Terminal::is_ours);
    let (control, bwrap_control) = prepare("make a socket", UnixStream::pair())?;
    let (errors, bwrap_errors) = prepare("make a pipe", io::pipe())?;
    let relays = prepare("make a pipe", relay::Relays::new(plan))?;
    let (mut command, relays) =
        bwrap_command(plan, &invocation, bwrap_control, bwrap_errors, relays)?;
    let mut child = command.spawn().map_err(|source| LaunchError::Start {
        program: invocation.program.clone(),
        source,
    })?;
    // The command holds the other ends of socket and pipes: they must close when bwrap does.
    drop(command);
    let relays = relays.start();
    let session = Session {
        child: &mut child,
        control,
        signals: &signals,
        terminal: terminal.as_ref(),
        pins,
        deadline: None,
        started: false,
    };
    let ended = session.run(plan, &invocation);
    if let Some(terminal) = &terminal {
        terminal.give_back();
    }
    if ended.is_err() {
        let _ = child.kill();
    }
    end(&mut child, &signals);
    let relayed = relays.finish();
    match ended {
        // What the command wrote is lost: that must not look like success.
        Ok(Outcome { status: 0, found }) => {
            relayed.map_err(LaunchError::Relay)?;
            Ok(Outcome { status: 0, found })
        }
        Ok(outcome) => Ok(outcome),
        Err(Trouble::Silent) => Err(bwrap_gave_up(errors, facts)),
        Err(Trouble::Other(error)) => Err(error),
    }
}

/// Waits for bwrap, which ends when PID 1 does. One that was stopped must not keep the caller waiting.
fn end(child: &mut Child, signals: &SignalFd) {
    let deadline = Instant::now() + Duration::from_secs(1);
    while matches!(child.try_wait(), Ok(None)) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let _ = child.kill();
            let _ = child.wait();
            return;
        }
        let mut ready = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        let _ = poll(
            &mut ready,
            PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO),
        );
        while let Ok(Some(_)) = signals.read_signal() {}
    }
}

/// A session keyring that holds nothing (session-keyring(7)).
fn join_new_keyring() -> Result<(), LaunchError> {
    match keyutils::Keyring::join_anonymous_session() {
        Ok(_) => Ok(()),
        // A kernel without keyrings has nothing to leak.
        Err(error) if error.0 == nix::libc::ENOSYS => Ok(()),
        Err(error) => prepare(
            "join a new session keyring",
            Err(io::Error::from_raw_os_error(error.0)),
        ),
    }
}

fn bwrap_command(
    plan: &Plan,
    invocation: &Invocation,
    control: UnixStream,
    errors: io::PipeWriter,
    mut relays: relay::Relays,
) -> Result<(Command, relay::Relays), LaunchError> {
    let mut command = Command::new(&invocation.program);
    command.args(&invocation.arguments);
    let has = |action: &Action| plan.steps.iter().any(|step| step.action == *action);
    if has(&Action::EmptyEnvironment) {
        command.env_clear();
    }
    if has(&Action::OwnProcessGroup) {
        command.process_group(0);
    }
    let map = |child_fd, parent_fd: OwnedFd| FdMapping {
        parent_fd,
        child_fd,
    };
    let own_stderr = match relays.take_stderr() {
        Some(relayed) => relayed.into(),
        None => prepare(
            "duplicate standard error",
            io::stderr().as_fd().try_clone_to_owned(),
        )?,
    };
    let arguments = prepare(
        "make a memory file",
        memory_file(&invocation.hidden_arguments),
    )?;
    let order = serde_json::to_vec(&invocation.order).map_err(io::Error::other);
    let order = prepare(
        "make a memory file",
        order.and_then(|order| memory_file(&order)),
    )?;
    let mut mappings = vec![
        map(CONTROL, control.into()),
        map(STDERR, own_stderr),
        map(ORDER, order),
        map(ARGUMENTS, arguments),
    ];
    for (descriptor, content) in &invocation.contents {
        let opened = match content {
            Content::Bytes(bytes) => memory_file(bytes.as_encoded_bytes()),
            Content::Open(path) => File::open(path).map(OwnedFd::from),
        };
        mappings.push(map(
            *descriptor,
            prepare("open what the sandbox is made of", opened)?,
        ));
    }
    prepare(
        "hand over descriptors",
        command.fd_mappings(mappings).map_err(io::Error::other),
    )?;
    command.stdin(relays.take_stdin().map_or_else(Stdio::inherit, Stdio::from));
    command.stdout(
        relays
            .take_stdout()
            .map_or_else(Stdio::inherit, Stdio::from),
    );
    command.stderr(errors);
    Ok((command, relays))
}

/// A file in memory that holds `bytes`, at its start (memfd_create(2)).
fn memory_file(bytes: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create("claudebox", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}

/// What bwrap said before it gave up, and what helps on this host.
fn bwrap_gave_up(mut errors: io::PipeReader, facts: &Facts) -> LaunchError {
    let mut said = Vec::new();
    let _ = errors.by_ref().take(64 * 1024).read_to_end(&mut said);
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said
        .lines()
        .map(|line| line.trim_start_matches("bwrap: "))
        .collect();
    let said = crate::text::escape(lines.join("; ").as_ref());
    let said = if said.is_empty() {
        "it ended without a word".to_owned()
    } else {
        said
    };
    LaunchError::Bwrap {
        hint: crate::remedy::explain(&said, facts),
        said,
    }
}

/// Why a session ended without an outcome.
enum Trouble {
    /// Nobody inside ever spoke: bwrap knows why.
    Silent,
    /// Anything else.
    Other(LaunchError),
}

impl From<LaunchError> for Trouble {
    fn from(error: LaunchError) -> Self {
        Trouble::Other(error)
    }
}

struct Session<'a> {
    child: &'a mut Child,
    control: UnixStream,
    signals: &'a SignalFd,
    terminal: Option<&'a terminal::Terminal>,
    pins: &'a Pins,
    /// When patience ends.
    deadline: Option<Instant>,
    /// Whether the command exists, so that it can be signalled.
    started: bool,
}

impl Session<'_> {
    fn run(mut self, plan: &Plan, invocation: &Invocation) -> Result<Outcome, Trouble> {
        let control = prepare("read the socket", self.control.try_clone())?;
        let mut events = BufReader::new(control);
        self.deadline = Some(Instant::now() + START_LIMIT);
        let mut found = None;
        loop {
            let event = if events.buffer().is_empty() {
                self.next(&mut events)?
            } else {
                hear_event(&mut events)
            };
            match event {
                Next::Event(Event::Found(seen)) => {
                    verdict::judge(plan, &seen, self.pins).map_err(different)?;
                    found = Some(*seen);
                    prepare("speak to PID 1", say(&self.control, &Word::Go))?;
                    self.deadline = None;
                }
                Next::Event(Event::Started) => self.started = true,
                Next::Event(Event::Stopped(signal)) => self.stop(signal),
                Next::Event(Event::Ended(status)) => {
                    return match found {
                        Some(found) => Ok(Outcome { status, found }),
                        None => Err(LaunchError::Init("it spoke out of turn".into()).into()),
                    };
                }
                Next::Event(Event::NotStarted(status, why)) => {
                    return Err(LaunchError::Command {
                        status,
                        why: crate::text::escape(why.as_ref()),
                    }
                    .into());
                }
                Next::Event(Event::Failed(why)) => {
                    return Err(LaunchError::Init(crate::text::escape(why.as_ref())).into());
                }
                Next::Interrupted(signal) => return Err(LaunchError::Interrupted(signal).into()),
                Next::Closed => return self.closed(found),
                Next::Late if found.is_none() => {
                    let program = invocation.program.clone();
                    return Err(LaunchError::Hangs {
                        program,
                        limit: START_LIMIT.as_secs(),
                    }
                    .into());
                }
                Next::Late => {
                    // Asked to end, and it did not.
                    let _ = self.child.kill();
                    self.deadline = None;
                }
            }
        }
    }

    /// The socket was closed without a last word: bwrap never got there, or somebody was killed.
    fn closed(self, found: Option<Found>) -> Result<Outcome, Trouble> {
        use std::os::unix::process::ExitStatusExt;
        let status = prepare("wait for bwrap", self.child.wait())?;
        match found {
            None => Err(Trouble::Silent),
            Some(found) => {
                let status = status
                    .code()
                    .or(status.signal().map(|signal| 128 + signal))
                    .unwrap_or(125);
                Ok(Outcome {
                    status: u8::try_from(status).unwrap_or(u8::MAX),
                    found,
                })
            }
        }
    }

    /// Waits for an event; forwards signals meanwhile.
    fn next(&mut self, events: &mut BufReader<UnixStream>) -> Result<Next, LaunchError> {
        loop {
            let timeout = match self
                .deadline
                .map(|deadline| deadline.saturating_duration_since(Instant::now()))
            {
                Some(left) if left.is_zero() => return Ok(Next::Late),
                Some(left) => PollTimeout::try_from(left + Duration::from_millis(1))
                    .unwrap_or(PollTimeout::MAX),
                None => PollTimeout::NONE,
            };
            let mut ready = [
                PollFd::new(events.get_ref().as_fd(), PollFlags::POLLIN),
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut ready, timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return prepare("wait", Err(error)),
            }
            let spoken = ready[0].any().unwrap_or(true);
            while let Ok(Some(info)) = self.signals.read_signal() {
                let Some(signal) = signal(info.ssi_signo) else {
                    continue;
                };
                let ends = matches!(
                    signal,
                    Signal::SIGINT | Signal::SIGTERM | Signal::SIGHUP | Signal::SIGQUIT
                );
                if !self.started {
                    if ends {
                        return Ok(Next::Interrupted(signal));
                    }
                    continue;
                }
                // A terminal signals the whole group (SI_KERNEL); kill(2) one process.
                let group = info.ssi_code == SI_KERNEL;
                let _ = say(
                    &self.control,
                    &Word::Signal {
                        number: signal as i32,
                        group,
                    },
                );
                if matches!(signal, Signal::SIGTERM | Signal::SIGHUP) {
                    self.deadline.get_or_insert(Instant::now() + GRACE);
                }
            }
            if spoken {
                return Ok(hear_event(events));
            }
        }
    }

    /// The command was stopped: so is this job, until the shell continues it.
    fn stop(&self, signal: i32) {
        let signal = Signal::try_from(signal).unwrap_or(Signal::SIGSTOP);
        let wants_terminal = matches!(signal, Signal::SIGTTIN | Signal::SIGTTOU);
        // It reads the terminal from the background while this job is in the foreground: it gets what is ours.
        if !(wants_terminal && self.in_foreground()) {
            if let Some(terminal) = self.terminal {
                terminal.give_back();
            }
            terminal::stop_job(signal);
        }
        let _ = say(
            &self.control,
            &Word::Resume {
                foreground: self.in_foreground(),
            },
        );
    }

    fn in_foreground(&self) -> bool {
        self.terminal.is_some_and(terminal::Terminal::is_ours)
    }
}

fn different(differences: Vec<Difference>) -> LaunchError {
    let swapped = differences
        .iter()
        .all(|difference| difference.guard == Guard::SourcesPinned);
    let listed: Vec<String> = differences.iter().map(ToString::to_string).collect();
    let listed = listed.join("; ");
    if swapped {
        LaunchError::Swapped(listed)
    } else {
        LaunchError::Different(listed)
    }
}

/// A signal that is to be passed on; the end of a child is no such thing.
fn signal(number: u32) -> Option<Signal> {
    let signal = Signal::try_from(i32::try_from(number).ok()?).ok()?;
    (signal != Signal::SIGCHLD).then_some(signal)
}

enum Next {
    Interrupted(Signal),
    Event(Event),
    Closed,
    Late,
}

fn hear_event(events: &mut BufReader<UnixStream>) -> Next {
    // What is not an event is the end too: PID 1 says nothing else.
    hear(events)
        .ok()
        .flatten()
        .map_or(Next::Closed, Next::Event)
}

/// Major and minor version of bwrap; `None` where it does not tell.
#[must_use]
pub fn bwrap_version(bwrap: &Text) -> Option<(u32, u32)> {
    let output = Command::new(bwrap)
        .arg("--version")
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut numbers = text
        .trim()
        .rsplit(' ')
        .next()?
        .split('.')
        .map(str::parse::<u32>);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}
