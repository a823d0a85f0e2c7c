//! Owns the controlling terminal on the host side: who is in its foreground, and its modes (termios(3), credentials(7)).

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{Pid, getpgrp, tcgetpgrp, tcsetpgrp};

/// The controlling terminal.
pub(super) struct Terminal {
    file: File,
    modes: Option<Termios>,
    /// Whether this job was in the foreground when it started: only then it has anything to give back.
    was_ours: bool,
}

impl Terminal {
    /// The controlling terminal, if there is one.
    pub(super) fn open() -> Option<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .open("/dev/tty")
            .ok()?;
        let was_ours = tcgetpgrp(&file).is_ok_and(|group| group == getpgrp());
        // In the background, asking for the modes is allowed; setting them would stop the job (termios(3)).
        let modes = tcgetattr(&file).ok();
        Some(Self {
            file,
            modes,
            was_ours,
        })
    }

    /// Whether this job holds the foreground.
    pub(super) fn is_ours(&self) -> bool {
        tcgetpgrp(&self.file).is_ok_and(|group| group == getpgrp())
    }

    /// Takes the foreground back for this job and restores the modes. SIGTTOU is blocked while a session runs.
    pub(super) fn give_back(&self) {
        if self.was_ours {
            let _ = tcsetpgrp(&self.file, getpgrp());
            if let Some(modes) = &self.modes {
                let _ = tcsetattr(&self.file, SetArg::TCSADRAIN, modes);
            }
        }
    }
}

impl AsFd for Terminal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Stops this job as the command was stopped, so that the shell sees it; returns when the shell continues it.
pub(super) fn stop_job(signal: Signal) {
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGTSTP);
    mask.add(Signal::SIGTTOU);
    let _ = mask.thread_unblock();
    // SIGSTOP went to one process and stops one. The others are what a terminal sends: they go to the whole job. In an
    // orphaned group nobody could continue it, and the kernel ignores them (setpgid(2)).
    let _ = match signal {
        Signal::SIGTSTP | Signal::SIGTTIN | Signal::SIGTTOU => kill(Pid::from_raw(0), signal),
        _ => kill(Pid::this(), Signal::SIGSTOP),
    };
    let _ = mask.thread_block();
}
