//! Owns the second stage: claudebox as PID 1 inside the sandbox.
//!
//! It takes its order from the launcher in a memory file, applies what only the inside can apply (`confine`: descriptors, group,
//! limits, Landlock, the system call filter last), reports what it found over a socket, waits for the word to go, and starts the
//! command.
//! Then it reaps every orphan, passes signals on, and tells the launcher when the command stops or ends. When it ends,
//! the kernel kills whatever is left in the PID namespace (pid_namespaces(7)).
#![expect(
    clippy::disallowed_methods,
    reason = "PID 1 acts; it sees nothing but the inside"
)]

mod command;
mod filter;
mod found;
mod landlock;
mod network;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpgrp, setpgid};
use serde::{Deserialize, Serialize};

pub use self::found::{Found, MountPoint};
pub use self::landlock::{ABI_OF_DEVICES, ABI_OF_FILES, ABI_OF_SCOPES, Enforced, May, Place};
use crate::denied::Call;
use crate::descriptors::{self, taken};
use crate::helper::Families;
use crate::limit::Limited;
use crate::plan::{Action, Plan};
use crate::text::Text;

/// The launcher's socket.
pub const CONTROL: RawFd = 3;
/// The caller's standard error; until PID 1 runs, 2 is a pipe on which bwrap's own errors reach the launcher.
pub const STDERR: RawFd = 4;
/// The [`Order`], in a memory file: it may be larger than what a socket takes before somebody reads.
pub const ORDER: RawFd = 5;

/// What PID 1 is told, at [`ORDER`] and never in an argument: it holds the values of the environment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    program: Text,
    arguments: Vec<Text>,
    variables: Vec<(Text, Text)>,
    cwd: Text,
    no_nested_namespaces: bool,
    undumpable: bool,
    no_core_dumps: bool,
    limits: Vec<(Limited, u64)>,
    denied: Vec<Call>,
    watched: Vec<Text>,
    scope_abstract_sockets: bool,
    scope_signals: bool,
    fence: Option<landlock::Fence>,
    /// Where devices take requests, if that is fenced.
    terminals: Option<Vec<Text>>,
    /// The device to wait for, and the families that it must carry.
    network: Option<(String, Families)>,
    close_descriptors: bool,
    own_process_group: bool,
    /// Private folders: whether one is full is told at the end.
    private: Vec<Text>,
    /// Whether the launcher reads what the control group counted before PID 1, and with it the group, is gone.
    counted: bool,
    /// Whether the launcher holds the foreground of its terminal, so that the command gets it.
    pub foreground: bool,
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Order")
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

impl Order {
    /// The part of `plan` that PID 1 carries out.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let has = |action: Action| plan.steps.iter().any(|step| step.action == action);
        Self {
            program: plan.command.program.clone(),
            arguments: plan.command.arguments.clone(),
            variables: plan
                .variables
                .iter()
                .map(|one| (one.name.clone(), one.value.clone()))
                .collect(),
            cwd: plan.cwd.clone(),
            no_nested_namespaces: has(Action::DisableNestedUserNamespaces),
            undumpable: has(Action::BeUndumpable),
            no_core_dumps: has(Action::NoCoreDumps),
            limits: plan
                .steps
                .iter()
                .filter_map(|step| match step.action {
                    Action::Limit { on, most } => Some((on, most)),
                    _ => None,
                })
                .collect(),
            denied: plan
                .steps
                .iter()
                .filter_map(|step| match &step.action {
                    Action::Deny { rules, .. } => Some(rules),
                    _ => None,
                })
                .flatten()
                .map(|rule| rule.call.clone())
                .collect(),
            watched: plan.binds().map(|(_, at, ..)| at.clone()).collect(),
            scope_abstract_sockets: has(Action::ScopeAbstractSockets),
            scope_signals: has(Action::ScopeSignals),
            fence: plan.steps.iter().find_map(|step| match &step.action {
                Action::FenceFiles { abi, places } => Some(landlock::Fence {
                    abi: *abi,
                    places: places.clone(),
                }),
                _ => None,
            }),
            terminals: plan.steps.iter().find_map(|step| match &step.action {
                Action::FenceDevices { terminals } => Some(terminals.clone()),
                _ => None,
            }),
            network: plan.steps.iter().find_map(|step| match &step.action {
                Action::Carry {
                    device, families, ..
                } => Some((device.clone(), *families)),
                _ => None,
            }),
            close_descriptors: has(Action::CloseDescriptors),
            own_process_group: has(Action::OwnProcessGroup),
            private: plan
                .steps
                .iter()
                .filter_map(|step| match &step.action {
                    Action::Tmpfs { at, mode, .. } if mode & 0o200 != 0 => Some(at.clone()),
                    _ => None,
                })
                .collect(),
            counted: plan
                .steps
                .iter()
                .any(|step| matches!(step.action, Action::JoinGroup { .. })),
            foreground: false,
        }
    }
}

/// What the launcher says after the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// What was found is what was planned: start the command.
    Go,
    /// Pass this signal to the command, or to its whole group as a terminal would.
    Signal { number: i32, group: bool },
    /// The job was continued; with the terminal, or in the background.
    Resume { foreground: bool },
}

/// What PID 1 says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// From the outer stage: the fence stands, and the outer namespaces come with this line.
    Fenced,
    /// Before the command: what it found inside.
    Found(Box<Found>),
    /// The command runs.
    Started,
    /// The command was stopped by this signal.
    Stopped(i32),
    /// These private folders are full; said before the end.
    Full(Vec<Text>),
    /// The command ended; the status as a shell counts it.
    Ended(u8),
    /// The command could not be started; 126 or 127, and why.
    NotStarted(u8, String),
    /// The helper did not set the network up, for this reason.
    NoNetwork(String),
    /// PID 1 could not do its part.
    Failed(String),
}

/// The second stage. Returns the exit status of PID 1.
#[must_use]
pub fn run() -> u8 {
    // Without the launcher's socket there is nobody to tell; standard error is bwrap's, and the launcher reads that.
    stage().unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "claudebox: PID 1: {error}");
        125
    })
}

fn stage() -> io::Result<u8> {
    let [control, order, stderr] = taken([CONTROL, ORDER, STDERR])
        .map_err(|error| failed("take its descriptors over, pidfd_getfd(2)", &error))?;
    let control = UnixStream::from(control);
    let order: Order = serde_json::from_reader(BufReader::new(File::from(order)))?;
    nix::unistd::dup2_stderr(stderr)?;
    SigSet::empty().thread_set_mask()?;
    let mut words = BufReader::new(&control);
    let confined = match confine(&order, &control) {
        Ok(confined) => confined,
        Err(error) => {
            say(&control, &Event::Failed(error.to_string()))?;
            return Ok(125);
        }
    };
    if let Some((device, families)) = &order.network
        && let Err(why) = network::wait(device, *families)
    {
        say(&control, &Event::NoNetwork(why))?;
        return Ok(125);
    }
    let found = Found::look(&order, confined, control.as_raw_fd());
    say(&control, &Event::Found(Box::new(found)))?;
    match hear(&mut words)? {
        Some(Word::Go) => {}
        _ => return Ok(125),
    }
    let (command, keys) = match command::start(&order) {
        Ok(started) => started,
        Err((status, why)) => {
            say(&control, &Event::NotStarted(status, why))?;
            return Ok(status);
        }
    };
    say(&control, &Event::Started)?;
    for key in keys {
        let _ = kill(command, key);
    }
    let status = watch(command, &control, &mut words)?;
    let full: Vec<Text> = order
        .private
        .iter()
        .filter(|at| is_full(at))
        .cloned()
        .collect();
    if !full.is_empty() {
        say(&control, &Event::Full(full))?;
    }
    say(&control, &Event::Ended(status))?;
    if order.counted {
        // Until the launcher lets go.
        while hear::<Word>(&mut words)?.is_some() {}
    }
    Ok(status)
}

/// What came of it.
struct Confined {
    /// What Landlock enforces.
    landlock: Enforced,
    /// Whether a user namespace could be made that was not to be made.
    nested: bool,
}

/// What only the inside can do to itself, before the command exists. The filter comes last: it could refuse the rest.
fn confine(order: &Order, control: &UnixStream) -> io::Result<Confined> {
    if order.close_descriptors {
        descriptors::close_all_but(&[control.as_fd()])?;
    }
    if order.own_process_group {
        // A group of its own keeps kill(0) inside. PID 1 stays in it: what has no handler does not reach it.
        setpgid(Pid::from_raw(0), Pid::from_raw(0))
            .map_err(|error| failed("have a process group of its own, setpgid(2)", &error))?;
    }
    if order.undumpable {
        nix::sys::prctl::set_dumpable(false)
            .map_err(|error| failed("be undumpable, prctl(2) PR_SET_DUMPABLE", &error))?;
    }
    if order.no_core_dumps {
        setrlimit(Resource::RLIMIT_CORE, 0, 0)
            .map_err(|error| failed("forbid core dumps, setrlimit(2)", &error))?;
    }
    for (on, most) in &order.limits {
        // A ceiling: what is lower stays.
        let ceiling = getrlimit(on.resource())
            .and_then(|(soft, hard)| setrlimit(on.resource(), soft.min(*most), hard.min(*most)));
        ceiling.map_err(|error| failed("limit what it may use up, setrlimit(2)", &error))?;
    }
    // Where this is possible it is done, and the launch ends: nothing else shows the limit (user_namespaces(7)).
    let nested = order.no_nested_namespaces && unshare(CloneFlags::CLONE_NEWUSER).is_ok();
    let landlock =
        landlock::confine(order).map_err(|error| failed("be fenced, landlock(7)", &error))?;
    filter::apply(&order.denied)
        .map_err(|error| failed("put its filter on, seccomp(2)", &error))?;
    Ok(Confined { landlock, nested })
}

/// What was tried, and why it was not done, as one line.
fn failed(what: &str, error: &dyn std::error::Error) -> io::Error {
    let mut line = format!("cannot {what}: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        // Some say their cause themselves.
        let cause_said = cause.to_string();
        if !line.contains(&cause_said) {
            line += &format!(": {cause_said}");
        }
        source = cause.source();
    }
    io::Error::other(line)
}

/// Reaps, passes on, reports, until the command ends.
fn watch(command: Pid, control: &UnixStream, words: &mut BufReader<&UnixStream>) -> io::Result<u8> {
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGCHLD);
    mask.thread_block()?;
    let children = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    loop {
        if let Some(status) = reap(command, control)? {
            return Ok(status);
        }
        let mut ready = [
            PollFd::new(children.as_fd(), PollFlags::POLLIN),
            PollFd::new(control.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut ready, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let spoken = ready[1].any().unwrap_or(true);
        while let Ok(Some(_)) = children.read_signal() {}
        if !spoken {
            continue;
        }
        // More than one word may have arrived at once.
        loop {
            match hear(words)? {
                Some(Word::Signal { number, group }) => {
                    let to = if group {
                        Pid::from_raw(-getpgrp().as_raw())
                    } else {
                        command
                    };
                    let _ = kill(to, Signal::try_from(number).ok());
                }
                Some(Word::Resume { foreground }) => {
                    if foreground {
                        command::take_foreground();
                    }
                    let _ = kill(Pid::from_raw(-getpgrp().as_raw()), Signal::SIGCONT);
                }
                Some(Word::Go) => {}
                // The launcher is gone: end, and take everything along (RUN-04).
                None => return Ok(137),
            }
            if words.buffer().is_empty() {
                break;
            }
        }
    }
}

/// Collects every child that changed; the status of the command once it has ended.
fn reap(command: Pid, control: &UnixStream) -> io::Result<Option<u8>> {
    loop {
        let ended = match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED)) {
            Ok(WaitStatus::Exited(pid, status)) if pid == command => status & 0xff,
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == command => 128 + signal as i32,
            Ok(WaitStatus::Stopped(pid, signal)) if pid == command => {
                say(control, &Event::Stopped(signal as i32))?;
                continue;
            }
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(None),
            Ok(_) | Err(Errno::EINTR) => continue,
            Err(error) => return Err(error.into()),
        };
        return Ok(Some(u8::try_from(ended).unwrap_or(u8::MAX)));
    }
}

/// Whether nothing more can be written to the file system of a folder, by its size or by its number of files (statvfs(3)).
fn is_full(folder: &Text) -> bool {
    nix::sys::statvfs::statvfs(folder.path()).is_ok_and(|system| {
        let limited = system.blocks() > 0 && system.blocks_available() == 0;
        limited || system.files() > 0 && system.files_available() == 0
    })
}

/// Sends one line of JSON.
pub(crate) fn say(mut to: &UnixStream, what: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    to.write_all(&line)
}

/// Reads one line of JSON; `None` at the end.
pub(crate) fn hear<T: for<'de> Deserialize<'de>>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    if from.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&line)?))
}
