//! Owns acting: starts bwrap for an [`Invocation`], judges what PID 1 found, waits, forwards signals, and gives the terminal
//! back. The only module of the host side that changes anything, or runs a program.
//!
//! One thread starts bwrap and stays until the end: `PR_SET_PDEATHSIG` counts the thread, not the process (prctl(2)).
#![expect(clippy::disallowed_methods, reason = "launch is the one that acts")]

pub mod companion;
mod ending;
mod error;
mod flags;
mod group;
pub mod held;
mod network;
mod pins;
mod processes;
mod relay;
mod reported;
mod screen;
mod session;
mod terminal;
mod verdict;
mod watch;

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use command_fds::{CommandFdExt, FdMapping};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

pub use self::error::LaunchError;
pub use self::network::NetworkEnd;
pub use self::pins::Pins;
pub use self::reported::launch_reported;
use self::session::{Session, Trouble};
pub use self::verdict::Difference;
use crate::bwrap::{ARGUMENTS, Content, Invocation};
use crate::descriptors::memory_file;
use crate::facts::{Facts, Stdio as Stream};
use crate::init::{CONTROL, Found, ORDER, STDERR};
use crate::instance;
use crate::plan::{Action, Plan};
use crate::report;
use crate::text::Text;

/// Signals that are passed to the command: all that would end this process without a word, and leave the terminal as the
/// command had it (signal(7)). Not among them are those of a fault of its own, and SIGPIPE, which is ignored.
const FORWARDED: [Signal; 15] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
    Signal::SIGTSTP,
    Signal::SIGALRM,
    Signal::SIGVTALRM,
    Signal::SIGPROF,
    Signal::SIGIO,
    Signal::SIGPWR,
    Signal::SIGXCPU,
    Signal::SIGSTKFLT,
];

/// Signals that nobody waits for: the call that brings one fails instead, and that is told (tcsetattr(3), setrlimit(2)).
const BLOCKED: [Signal; 2] = [Signal::SIGTTOU, Signal::SIGXFSZ];

/// How it ended.
#[must_use]
#[derive(Debug)]
pub struct Outcome {
    /// The exit status for the caller.
    pub status: u8,
    /// What PID 1 found, and the launcher agreed with.
    pub found: Found,
    /// What became of the network, where there was one of its own.
    pub network: Option<NetworkEnd>,
    /// Limits that the session ran into.
    pub limits: Vec<report::Limit>,
    /// What is to say of the login.
    pub login: Vec<String>,
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
    crate::descriptors::close_all_but(&[])
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
    let mut early = SigSet::empty();
    for signal in BLOCKED {
        early.add(signal);
    }
    prepare("block signals", early.thread_block())?;
    // Held until the end: what removes instances waits for nobody, and leaves this one alone.
    let state = plan.kept();
    let state = state.map(|keep| instance::open(keep, plan.shared_login()));
    let mut state = state.transpose().map_err(LaunchError::State)?;
    let mut login = state.as_mut().and_then(|state| state.login.take());
    let pins = &pins.completed(plan)?;
    let mut invocation = Invocation::of(plan);
    let mut mask = SigSet::empty();
    for signal in FORWARDED
        .into_iter()
        .chain([Signal::SIGCHLD])
        .chain(BLOCKED)
    {
        mask.add(signal);
    }
    prepare("block signals", mask.thread_block())?;
    for signal in BLOCKED {
        mask.remove(signal);
    }
    let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK);
    let signals = prepare("listen for signals", signals)?;
    let has = |action: &Action| plan.steps.iter().any(|step| step.action == *action);
    if has(&Action::JoinNewKeyring) {
        join_new_keyring(facts)?;
    }
    let orphans = prepare("inherit what bwrap leaves", ending::Orphans::inherit())?;
    let [stdin, stdout, stderr] = plan.stdio.map(|stream| stream == Stream::Terminal);
    // Where neither output is a terminal, nothing is written to one (RUN-05).
    let reset = if stdout || stderr {
        screen::reset(facts.variable("TERM").and_then(Text::utf8))
    } else {
        String::new()
    };
    let mut terminal = terminal::Terminal::open(reset, plan.stdio[1] == Stream::Pipe);
    let flags = flags::Flags::now();
    // With a pipe on one side, the others of the job may need the terminal (less, fzf): then it is given when it is asked for.
    invocation.order.foreground =
        stdin && stdout && terminal.as_ref().is_some_and(terminal::Terminal::is_ours);
    let (control, bwrap_control) = prepare("make a socket", UnixStream::pair())?;
    let (errors, bwrap_errors) = prepare("make a pipe", io::pipe())?;
    let relays = prepare("make a pipe", relay::Relays::new(plan))?;
    let (held, hold) = group::wanted(plan)
        .map(|_| prepare("make a pipe", io::pipe()))
        .transpose()?
        .unzip();
    let (mut command, relays) = bwrap_command(
        plan,
        facts,
        &invocation,
        bwrap_control,
        bwrap_errors,
        relays,
        held,
    )?;
    let mut child = command.spawn().map_err(|source| LaunchError::Start {
        program: invocation.program.clone(),
        source,
    })?;
    // The command holds the other ends of socket and pipes: they must close when bwrap does.
    drop(command);
    let group = hold.map(|hold| group::Group::join(plan, facts, &mut child, hold));
    let group = group.transpose()?;
    let relays = relays.start();
    let network = network::Network::start(plan, &control, &signals, &facts.host.resolvers);
    let (mut network, network_failed) = match network {
        Ok(network) => (network, None),
        Err(trouble) => (None, Some(trouble)),
    };
    let session = Session {
        network: network.as_mut(),
        child: &mut child,
        control,
        signals: &signals,
        terminal: terminal.as_mut(),
        flags: &flags,
        full: Vec::new(),
        group: group.as_ref(),
        restores: has(&Action::RestoreTerminal),
        pins,
        login: login.as_mut(),
        deadline: None,
        started: false,
        hung_up: false,
        asked_to_end: false,
    };
    let (ended, asked_to_end) = match network_failed {
        None => session.run(plan, &invocation),
        Some(trouble) => (session.given_up(trouble), false),
    };
    // Nobody is left then who could change the terminal once more.
    orphans.end(&mut child, &signals);
    let network = network.map(network::Network::end);
    let login = login.map_or_else(Vec::new, instance::Shared::end);
    drop(group);
    if has(&Action::RestoreTerminal) {
        if let Some(terminal) = &terminal {
            terminal.give_back();
        }
        flags.set();
    }
    let relayed = relays.finish(&signals, asked_to_end);
    match ended {
        // What the command wrote is lost: that must not look like success.
        Ok(outcome) => {
            if outcome.status == 0 {
                relayed?;
            }
            Ok(Outcome {
                network,
                login,
                ..outcome
            })
        }
        Err(Trouble::Silent) => {
            let said = said_by_bwrap(errors);
            let hint = crate::remedy::explain(&said, facts);
            let said = if said.is_empty() {
                "it ended without a word".to_owned()
            } else {
                said
            };
            Err(LaunchError::Bwrap { said, hint })
        }
        Err(Trouble::Other(LaunchError::Hangs { program, limit, .. })) => {
            let said = said_by_bwrap(errors);
            let hint = crate::remedy::explain(&said, facts);
            let said = if said.is_empty() {
                said
            } else {
                format!("; it said: {said}")
            };
            Err(LaunchError::Hangs {
                program,
                limit,
                said,
                hint,
            })
        }
        Err(Trouble::Other(LaunchError::Fence { why, .. })) => {
            let hint = crate::remedy::explain(&why, facts);
            Err(LaunchError::Fence { why, hint })
        }
        Err(Trouble::Other(LaunchError::Init { why, .. })) => {
            let hint = Some(crate::remedy::refused_call(facts));
            Err(LaunchError::Init { why, hint })
        }
        Err(Trouble::Other(error)) => Err(error),
    }
}

/// A session keyring that holds nothing (session-keyring(7)).
fn join_new_keyring(facts: &Facts) -> Result<(), LaunchError> {
    let errno = match keyutils::Keyring::join_anonymous_session() {
        Ok(_) => return Ok(()),
        Err(error) => error.0,
    };
    let hint = match errno {
        // A kernel without keyrings has nothing to leak.
        nix::libc::ENOSYS => return Ok(()),
        // Each session has one, and there may be 200 keys of a user (keyrings(7)).
        nix::libc::EDQUOT => {
            "you have as many keys as you may: end sessions, or sudo sysctl -w kernel.keys.maxkeys=2000".into()
        }
        _ => crate::remedy::refused_call(facts),
    };
    let source = io::Error::from_raw_os_error(errno);
    Err(LaunchError::Keyring { source, hint })
}

fn bwrap_command(
    plan: &Plan,
    facts: &Facts,
    invocation: &Invocation,
    control: UnixStream,
    errors: io::PipeWriter,
    mut relays: relay::Relays,
    held: Option<io::PipeReader>,
) -> Result<(Command, relay::Relays), LaunchError> {
    // Beyond what bwrap is given.
    let last = invocation.contents.last().map(|(number, _)| *number);
    let number = last.unwrap_or(ARGUMENTS) + 1;
    // By exec it becomes bwrap, with the same descriptors.
    let (program, arguments) = match &invocation.outer {
        None => (&invocation.program, invocation.arguments.clone()),
        Some((launcher, _)) => (launcher, vec!["outer".into()]),
    };
    let mut command = match &held {
        // Until it is in its control group: namespaces are made there (cgroup_namespaces(7)).
        Some(_) => held::command(&facts.host.launcher, number, program),
        None => Command::new(program),
    };
    command.args(arguments);
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
    if let Some((_, outer)) = &invocation.outer {
        let order = crate::outer::make::Order {
            launcher: nix::unistd::getpid().as_raw(),
            ..outer.clone()
        };
        let order = serde_json::to_vec(&order).map_err(io::Error::other);
        let order = prepare(
            "make a memory file",
            order.and_then(|order| memory_file(&order)),
        )?;
        mappings.push(map(crate::outer::ORDER, order));
    }
    mappings.extend(held.map(|held| map(number, held.into())));
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

/// What bwrap said, in one line.
fn said_by_bwrap(mut errors: io::PipeReader) -> String {
    said_in(&mut errors).unwrap_or_default()
}

/// What was said into a pipe, in one line. Nobody is waited for: whoever still holds the other end has had time to say more.
fn said_in(errors: &mut io::PipeReader) -> Option<String> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let mut said = Vec::new();
    if fcntl(&*errors, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).is_ok() {
        let _ = errors.by_ref().take(2048).read_to_end(&mut said);
    }
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said
        .lines()
        .map(|line| line.trim_start_matches("bwrap: "))
        .collect();
    let said = crate::text::escape(lines.join("; ").as_ref());
    (!said.is_empty()).then_some(said)
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
