//! Owns what goes on beside the attacks: signals that end the run, and a line of progress for a person at a terminal.

use std::io::{self, IsTerminal, Write};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Signals that would end this process before it has taken its bait away.
const ENDING: [Signal; 4] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
];

/// The signals that came.
#[derive(Debug)]
pub(crate) struct Signals(SignalFd);

impl Signals {
    /// Keeps them from ending this process.
    pub(crate) fn listen() -> io::Result<Self> {
        let mut mask = SigSet::empty();
        ENDING.into_iter().for_each(|signal| mask.add(signal));
        mask.thread_block()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Self(SignalFd::with_flags(&mask, flags)?))
    }

    /// The next one, if one came.
    pub(crate) fn next(&self) -> Option<Signal> {
        let read = self.0.read_signal().ok()??;
        Signal::try_from(i32::try_from(read.ssi_signo).ok()?).ok()
    }
}

/// What is being done, on standard error, where that is a terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    seen: bool,
}

impl Progress {
    pub(crate) fn start() -> Self {
        Self {
            seen: io::stderr().is_terminal(),
        }
    }

    pub(crate) fn show(&self, what: &str) {
        self.write(&format!("\r{:<72}\r{what} …", ""));
    }

    pub(crate) fn end(&self) {
        self.write(&format!("\r{:<72}\r", ""));
    }

    fn write(&self, text: &str) {
        if self.seen {
            let mut stderr = io::stderr().lock();
            let _ = stderr
                .write_all(text.as_bytes())
                .and_then(|()| stderr.flush());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}
