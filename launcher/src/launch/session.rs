//! Owns the time between the start of bwrap and its end: what PID 1 says, what signals say, and who answers.

use std::io::BufReader;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::signalfd::SignalFd;
use nix::sys::termios::Termios;

use super::ending;
use super::flags::Flags;
use super::group::Group;
use super::network::Network;
use super::pins::Pins;
use super::terminal::{self, Terminal};
use super::verdict::{self, Difference};
use super::{LaunchError, Outcome, prepare};
use crate::bwrap::Invocation;
use crate::guard::Guard;
use crate::init::{Event, Found, Word, hear, say};
use crate::instance::Shared;
use crate::plan::{Action, Plan};
use crate::report::Limit;

/// How long the command may take to end after SIGTERM or SIGHUP, before everything is killed.
const GRACE: Duration = Duration::from_secs(10);

/// How long bwrap may take until PID 1 speaks. It takes milliseconds; a part that hangs must not hang the user.
const START_LIMIT: Duration = Duration::from_secs(10);

/// `si_code` of a signal that no process sent (sigaction(2)).
const SI_KERNEL: i32 = 0x80;

/// Why a session ended without an outcome.
pub(super) enum Trouble {
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

pub(super) struct Session<'a> {
    pub(super) child: &'a mut Child,
    pub(super) control: UnixStream,
    pub(super) signals: &'a SignalFd,
    pub(super) network: Option<&'a mut Network>,
    pub(super) terminal: Option<&'a mut Terminal>,
    /// The flags of the streams as they were found.
    pub(super) flags: &'a Flags,
    pub(super) pins: &'a Pins,
    /// The login that is kept in step, if one is.
    pub(super) login: Option<&'a mut Shared>,
    /// When patience ends.
    pub(super) deadline: Option<Instant>,
    /// Whether the command exists, so that it can be signalled.
    pub(super) started: bool,
    /// Private folders that were full.
    pub(super) full: Vec<crate::text::Text>,
    /// The control group, if it has one.
    pub(super) group: Option<&'a Group>,
    /// Whether terminal and streams are given back as they were found.
    pub(super) restores: bool,
    /// Whether the terminal was closed.
    pub(super) hung_up: bool,
    /// Whether a signal came that asks everything to end.
    pub(super) asked_to_end: bool,
}

impl Session<'_> {
    /// The end of a session that did not get so far as to listen.
    pub(super) fn given_up(self, trouble: Trouble) -> Result<Outcome, Trouble> {
        let _ = self.child.kill();
        Err(trouble)
    }

    /// Until the command ends, or is found not to start. Also tells whether it was asked to.
    pub(super) fn run(
        mut self,
        plan: &Plan,
        invocation: &Invocation,
    ) -> (Result<Outcome, Trouble>, bool) {
        let ended = self.until_the_end(plan, invocation);
        (ended, self.asked_to_end)
    }

    fn until_the_end(&mut self, plan: &Plan, invocation: &Invocation) -> Result<Outcome, Trouble> {
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
                    // Where PID 1 is gone already, its end is the next thing heard.
                    let _ = say(&self.control, &Word::Go);
                    self.deadline = None;
                }
                Next::Event(Event::Started) => self.started = true,
                Next::Event(Event::Stopped(signal)) => self.stop(signal),
                Next::Event(Event::Full(folders)) => self.full = folders,
                Next::Event(Event::Ended(status)) => {
                    return match found {
                        Some(found) => Ok(outcome(status, found, self.hit(plan))),
                        None => Err(init_failed("it spoke out of turn")),
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
                    return Err(init_failed(&why));
                }
                Next::Event(Event::NoNetwork(why)) => {
                    return Err(match self.network.as_mut() {
                        Some(network) => network.not_set_up(&why).into(),
                        None => init_failed(&why),
                    });
                }
                Next::NoNetwork(error) => return Err(error.into()),
                Next::Event(Event::Fenced) => {
                    return Err(init_failed("the outer stage spoke twice"));
                }
                Next::Interrupted(signal) => return Err(LaunchError::Interrupted(signal).into()),
                Next::Closed => return self.closed(plan, found),
                Next::Late if found.is_none() => {
                    let program = invocation.program.clone();
                    return Err(LaunchError::Hangs {
                        program,
                        limit: START_LIMIT.as_secs(),
                        said: String::new(),
                        hint: None,
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

    /// The limits that were met so far, as far as the kernel tells. That a process was refused for RLIMIT_NPROC, or a file for
    /// RLIMIT_NOFILE, it tells nobody but who asked.
    fn hit(&self, plan: &Plan) -> Vec<Limit> {
        let mut hit = self.group.map(Group::hit).unwrap_or_default();
        for step in &plan.steps {
            if let Action::Tmpfs { at, bytes, .. } = &step.action
                && self.full.contains(at)
            {
                hit.push(Limit {
                    name: at.to_string(),
                    value: format!("{}M", bytes >> 20),
                    hit: "it was full at the end".into(),
                });
            }
        }
        hit
    }

    /// The socket was closed without a last word: bwrap never got there, or somebody was killed.
    fn closed(&mut self, plan: &Plan, found: Option<Found>) -> Result<Outcome, Trouble> {
        use std::os::unix::process::ExitStatusExt;
        match found {
            None => Err(Trouble::Silent),
            Some(found) => {
                let limits = self.hit(plan);
                if !ending::ends_in_time(self.child, self.signals) {
                    let _ = self.child.kill();
                }
                let status = prepare("wait for bwrap", self.child.wait())?;
                let status = status
                    .code()
                    .or(status.signal().map(|signal| 128 + signal))
                    .unwrap_or(125);
                Ok(outcome(
                    u8::try_from(status).unwrap_or(u8::MAX),
                    found,
                    limits,
                ))
            }
        }
    }

    /// Waits for an event; forwards signals meanwhile.
    fn next(&mut self, events: &mut BufReader<UnixStream>) -> Result<Next, LaunchError> {
        loop {
            if let Some(login) = self.login.as_mut() {
                login.follow();
            }
            let now = Instant::now();
            if self.deadline.is_some_and(|deadline| deadline <= now) {
                return Ok(Next::Late);
            }
            let due = self.login.as_deref().and_then(Shared::due);
            let timeout = match self.deadline.into_iter().chain(due).min() {
                Some(end) => {
                    let left = end.saturating_duration_since(now) + Duration::from_millis(1);
                    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
                }
                None => PollTimeout::NONE,
            };
            let mut ready = vec![
                PollFd::new(events.get_ref().as_fd(), PollFlags::POLLIN),
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            ];
            // Nothing is asked for: a hang-up is told all the same (poll(2)). It reaches only the foreground by itself.
            let terminal = self.terminal.as_deref().filter(|_| !self.hung_up);
            let watched = terminal.is_some();
            ready
                .extend(terminal.map(|terminal| PollFd::new(terminal.as_fd(), PollFlags::empty())));
            let network = self.network.as_deref().and_then(Network::watched);
            let changes = network.map(|watch| PollFd::new(watch, PollFlags::POLLIN));
            let follows = changes.is_some();
            ready.extend(changes);
            let login = self.login.as_deref().and_then(Shared::watched);
            ready.extend(login.map(|watch| PollFd::new(watch, PollFlags::POLLIN)));
            match poll(&mut ready, timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return prepare("wait", Err(error)),
            }
            let spoken = ready[0].any().unwrap_or(true);
            let mut rest = ready[2..].iter().map(|one| one.any().unwrap_or(false));
            self.hung_up |= watched && rest.next().unwrap_or(false);
            let changed = follows && rest.next().unwrap_or(false);
            let logged_in = rest.next().unwrap_or(false);
            if let Some(network) = self.network.as_mut().filter(|_| changed) {
                network.follow();
            }
            if let Some(login) = self.login.as_mut().filter(|_| logged_in) {
                login.heard();
            }
            let hung_up = watched && self.hung_up;
            let next = hung_up
                .then(|| self.forward(Signal::SIGHUP, false))
                .flatten();
            if let Some(next) = next {
                return Ok(next);
            }
            while let Ok(Some(info)) = self.signals.read_signal() {
                let Some(signal) = signal(info.ssi_signo) else {
                    continue;
                };
                // A terminal signals the whole group (SI_KERNEL); kill(2) one process.
                if let Some(next) = self.forward(signal, info.ssi_code == SI_KERNEL) {
                    return Ok(next);
                }
            }
            let ended = self
                .network
                .as_mut()
                .and_then(|network| network.helper_ended());
            if let Some(error) = ended.filter(|_| !self.started) {
                return Ok(Next::NoNetwork(error));
            }
            if spoken {
                return Ok(hear_event(events));
            }
        }
    }

    /// Passes a signal to the command; before there is one, a signal that ends processes ends the launch.
    fn forward(&mut self, signal: Signal, group: bool) -> Option<Next> {
        use Signal::{SIGHUP, SIGTERM};
        self.asked_to_end |= matches!(signal, SIGTERM | SIGHUP);
        if !self.started {
            return ending_signal(signal as u32).map(Next::Interrupted);
        }
        let _ = say(
            &self.control,
            &Word::Signal {
                number: signal as i32,
                group,
            },
        );
        if matches!(signal, SIGTERM | SIGHUP) {
            self.deadline.get_or_insert(Instant::now() + GRACE);
        }
        None
    }

    /// The command was stopped: so is this job, until the shell continues it.
    fn stop(&mut self, signal: i32) {
        let signal = Signal::try_from(signal).unwrap_or(Signal::SIGSTOP);
        let wants_terminal = matches!(signal, Signal::SIGTTIN | Signal::SIGTTOU);
        // It reads the terminal from the background while this job is in the foreground: it gets what is ours.
        if !(wants_terminal && self.in_foreground()) {
            let (modes, flags) = self.let_go();
            terminal::stop_job(signal);
            self.take_up(modes, flags);
        } else if let Some(terminal) = &mut self.terminal {
            terminal.take_up(None);
        }
        let _ = say(
            &self.control,
            &Word::Resume {
                foreground: self.in_foreground(),
            },
        );
    }

    /// Gives terminal and streams back while the job is stopped; returns how the command had them.
    fn let_go(&mut self) -> (Option<Termios>, Option<Flags>) {
        if !self.restores {
            return (None, None);
        }
        let modes = self.terminal.as_deref().and_then(Terminal::let_go);
        let flags = Flags::now();
        self.flags.set();
        (modes, Some(flags))
    }

    /// The command goes on: it finds terminal and streams as it left them, unless the shell is in the foreground now.
    fn take_up(&mut self, modes: Option<Termios>, flags: Option<Flags>) {
        if let Some(terminal) = &mut self.terminal {
            terminal.take_up(modes);
        }
        if let Some(flags) = flags.filter(|_| self.terminal.is_none() || self.in_foreground()) {
            flags.set();
        }
    }

    fn in_foreground(&self) -> bool {
        self.terminal.as_deref().is_some_and(Terminal::is_ours)
    }
}

fn outcome(status: u8, found: Found, limits: Vec<Limit>) -> Outcome {
    Outcome {
        status,
        found,
        limits,
        network: None,
        login: Vec::new(),
    }
}

fn init_failed(why: &str) -> Trouble {
    let why = crate::text::escape(why.as_ref());
    Trouble::Other(LaunchError::Init { why, hint: None })
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

/// A signal that ends what has not begun.
pub(super) fn ending_signal(number: u32) -> Option<Signal> {
    use Signal::{SIGTSTP, SIGUSR1, SIGUSR2, SIGWINCH};
    signal(number).filter(|signal| !matches!(signal, SIGTSTP | SIGUSR1 | SIGUSR2 | SIGWINCH))
}

/// A signal that is to be passed on; the end of a child is no such thing.
fn signal(number: u32) -> Option<Signal> {
    let signal = Signal::try_from(i32::try_from(number).ok()?).ok()?;
    (signal != Signal::SIGCHLD).then_some(signal)
}

enum Next {
    NoNetwork(LaunchError),
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
