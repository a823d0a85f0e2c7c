//! Owns streams that must not be handed over as they are: a pipe stands between a file of the caller and the inside.
//!
//! A regular file as standard input can be opened again through `/proc/self/fd/0`, for writing. A socket of the host stays in its
//! network: connect(2) can lead a TCP socket elsewhere. A terminal of another session is set by who has it open.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::signalfd::SignalFd;

use super::LaunchError;
use crate::plan::{Action, Plan};

/// The pipes, before the sandbox is started.
pub(super) struct Relays {
    stdin: Option<(Option<PipeReader>, PipeWriter)>,
    outputs: [Option<(PipeReader, Option<PipeWriter>)>; 2],
    /// Open as long as something is copied.
    working: (PipeReader, PipeWriter),
}

/// The threads that copy.
pub(super) struct Running {
    outputs: Vec<JoinHandle<io::Result<()>>>,
    /// Ends when the last of them does.
    working: PipeReader,
}

/// How long what was written may wait for its reader where the session was asked to end.
const AFTER_A_SIGNAL: Duration = Duration::from_secs(1);

impl Relays {
    /// A pipe for each stream that `plan` relays.
    pub(super) fn new(plan: &Plan) -> io::Result<Self> {
        let relayed = |number| {
            plan.steps
                .iter()
                .any(|step| step.action == Action::RelayStream { descriptor: number })
        };
        let mut relays = Self {
            stdin: None,
            outputs: [None, None],
            working: io::pipe()?,
        };
        if relayed(0) {
            let (reader, writer) = io::pipe()?;
            relays.stdin = Some((Some(reader), writer));
        }
        for (index, output) in relays.outputs.iter_mut().enumerate() {
            if relayed(index + 1) {
                let (reader, writer) = io::pipe()?;
                *output = Some((reader, Some(writer)));
            }
        }
        Ok(relays)
    }

    pub(super) fn take_stdin(&mut self) -> Option<PipeReader> {
        self.stdin.as_mut().and_then(|(reader, _)| reader.take())
    }

    pub(super) fn take_stdout(&mut self) -> Option<PipeWriter> {
        self.outputs[0]
            .as_mut()
            .and_then(|(_, writer)| writer.take())
    }

    pub(super) fn take_stderr(&mut self) -> Option<PipeWriter> {
        self.outputs[1]
            .as_mut()
            .and_then(|(_, writer)| writer.take())
    }

    /// Starts to copy. Signals are blocked in these threads, as in the one that starts them.
    pub(super) fn start(self) -> Running {
        let (working, at_work) = self.working;
        let at_work = Arc::new(at_work);
        if let Some((_, writer)) = self.stdin {
            // Never waited for: it may sit in a read of the caller's file when the command has long ended.
            std::thread::spawn(move || copy(io::stdin(), writer));
        }
        let [stdout, stderr] = self.outputs;
        let mut outputs = Vec::new();
        if let Some((reader, _)) = stdout {
            let at_work = Arc::clone(&at_work);
            outputs.push(std::thread::spawn(move || {
                let _at_work = at_work;
                copy(reader, io::stdout())
            }));
        }
        if let Some((reader, _)) = stderr {
            let at_work = Arc::clone(&at_work);
            outputs.push(std::thread::spawn(move || {
                let _at_work = at_work;
                copy(reader, io::stderr())
            }));
        }
        Running { outputs, working }
    }
}

impl Running {
    /// Waits until everything that was written inside is in the caller's files. A caller that never reads is waited for until a
    /// signal comes, or not long where one came already (`asked_to_end`).
    ///
    /// # Errors
    /// Where one of them could not take it, such as on a full disk. A reader that went away is no error.
    pub(super) fn finish(self, signals: &SignalFd, asked_to_end: bool) -> Result<(), LaunchError> {
        let deadline = asked_to_end.then(|| Instant::now() + AFTER_A_SIGNAL);
        while let Some(ended) = self.next(signals, deadline) {
            if let Some(signal) = ended {
                return Err(LaunchError::Unread(signal));
            }
        }
        let mut result = Ok(());
        // One that is still at work ends with this process.
        for output in self.outputs.into_iter().filter(JoinHandle::is_finished) {
            match output
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("the relay ended early")))
            {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => result = Err(error),
                _ => {}
            }
        }
        result.map_err(LaunchError::Relay)
    }

    /// Waits for one more thing to happen: a signal that asks for the end is returned. `None` when there is nothing to wait for.
    fn next(&self, signals: &SignalFd, deadline: Option<Instant>) -> Option<Option<Signal>> {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if self.outputs.iter().all(JoinHandle::is_finished) || left == Some(Duration::ZERO) {
            return None;
        }
        let mut ready = [
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.working.as_fd(), PollFlags::POLLIN),
        ];
        let limit = left.and_then(|left| PollTimeout::try_from(left).ok());
        let _ = poll(&mut ready, limit.unwrap_or(PollTimeout::NONE));
        if ready[1].any().unwrap_or(true) {
            // All of them let go, and are about to end.
            std::thread::yield_now();
        }
        while let Ok(Some(info)) = signals.read_signal() {
            let number = i32::try_from(info.ssi_signo).unwrap_or(0);
            match Signal::try_from(number) {
                Ok(Signal::SIGCHLD | Signal::SIGWINCH | Signal::SIGTSTP) | Err(_) => {}
                Ok(signal) => return Some(Some(signal)),
            }
        }
        Some(None)
    }
}

/// Copies until one side ends; each piece is passed on at once.
fn copy(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => {
                to.write_all(&buffer[..length])?;
                to.flush()?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // A folder as standard input, or a device that went away: the inside sees the end.
            Err(_) => return Ok(()),
        }
    }
}
