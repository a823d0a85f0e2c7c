//! Owns the controlling terminal on the host side: who is in its foreground, its modes, its screen, and what waits to be read
//! (termios(3), ioctl_tty(2), credentials(7)). It is given back as it was found, at the end and while the job is stopped.
//!
//! What belongs to another is left alone: the foreground of the shell where this job runs behind it, and modes and screen of the
//! pager of this very job.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::termios::{
    FlowArg, FlushArg, InputFlags, LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcflow,
    tcflush, tcgetattr, tcsetattr,
};
use nix::unistd::{Pid, getpgrp, tcgetpgrp, tcsetpgrp};

use super::processes;

/// How long nothing may come before all answers of the terminal are taken to be here.
const QUIET: Duration = Duration::from_millis(40);

/// How long the terminal may take to accept what is written, and to be quiet. One that hangs must not hang the user.
const PATIENCE: Duration = Duration::from_millis(250);

/// The controlling terminal.
pub(super) struct Terminal {
    /// Opened here, so its flags are shared with nobody.
    file: File,
    /// Its modes as they were when this job came to the foreground.
    found: Option<Termios>,
    /// What is written to give the screen back.
    reset: String,
    /// Whether the command's output goes through a pipe, where a pager may read it.
    piped: bool,
}

impl Terminal {
    /// The controlling terminal, if there is one.
    pub(super) fn open(reset: String, piped: bool) -> Option<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open("/dev/tty")
            .ok()?;
        let mut terminal = Self {
            file,
            found: None,
            reset,
            piped,
        };
        terminal.note_modes();
        Some(terminal)
    }

    /// Notes the modes, once: those that this job found when it first held the foreground. Behind it they are another's.
    fn note_modes(&mut self) {
        if self.found.is_none() && self.is_ours() {
            self.found = tcgetattr(&self.file).ok();
        }
    }

    /// Whether this job holds the foreground.
    pub(super) fn is_ours(&self) -> bool {
        tcgetpgrp(&self.file).is_ok_and(|group| group == getpgrp())
    }

    /// Takes the foreground back for this job, and gives back modes and screen. SIGTTOU is blocked while a session runs.
    pub(super) fn give_back(&self) {
        if self.is_anothers() {
            return;
        }
        let _ = tcsetpgrp(&self.file, getpgrp());
        let Some(found) = self.found.as_ref().filter(|_| !self.has_pager()) else {
            return;
        };
        // Byte by byte, without echo, and not stopped by Ctrl-S or tcflow(3): what is written gets through, and an answer of
        // the terminal is neither shown nor kept for the shell.
        let mut plain = found.clone();
        plain.input_flags.remove(InputFlags::IXON);
        let line = LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ECHONL;
        plain.local_flags.remove(line);
        plain.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
        plain.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        let _ = tcsetattr(&self.file, SetArg::TCSANOW, &plain);
        let _ = tcflow(&self.file, FlowArg::TCOON);
        // This process could open it when it started, so nobody else had it for themselves (ioctl_tty(2), TIOCEXCL).
        let _ = rustix::termios::ioctl_tiocnxcl(&self.file);
        let _ = self.write(self.reset.as_bytes());
        self.drain();
        let _ = tcsetattr(&self.file, SetArg::TCSANOW, found);
        let _ = tcflush(&self.file, FlushArg::TCIFLUSH);
    }

    /// Gives it back while the job is stopped, and returns what the command had set.
    pub(super) fn let_go(&self) -> Option<Termios> {
        let set = tcgetattr(&self.file).ok().filter(|_| !self.is_anothers());
        self.give_back();
        set
    }

    /// Sets it again as the command had it, where the job goes on in the foreground.
    pub(super) fn take_up(&mut self, set: Option<Termios>) {
        self.note_modes();
        if let Some(set) = set.filter(|_| self.is_ours()) {
            let _ = tcsetattr(&self.file, SetArg::TCSANOW, &set);
        }
    }

    /// Whether a group in the foreground lives that is not of this session: that of the shell, while this job is behind it.
    fn is_anothers(&self) -> bool {
        let Ok(group) = tcgetpgrp(&self.file) else {
            return true;
        };
        if group == getpgrp() {
            return false;
        }
        let members = processes::of_group(group);
        if members.is_empty() {
            // Gone, or of somebody whose processes this user cannot see.
            return kill(Pid::from_raw(-group.as_raw()), None) != Err(Errno::ESRCH);
        }
        !members.iter().all(|pid| processes::is_below_this(*pid))
    }

    /// Whether another program of this job reads the command's output, as in `claudebox … | less`: the screen is its own.
    fn has_pager(&self) -> bool {
        if !self.piped {
            return false;
        }
        let Ok(pipe) = fs::read_link("/proc/self/fd/1") else {
            return false;
        };
        let job = processes::of_group(getpgrp());
        job.into_iter()
            .filter(|pid| *pid != Pid::this())
            .any(|pid| processes::reads(pid, &pipe))
    }

    /// Writes all of it, unless the terminal takes nothing.
    fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !bytes.is_empty() {
            match (&self.file).write(bytes) {
                Ok(length) => bytes = &bytes[length..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() || !self.is_ready(PollFlags::POLLOUT, left) {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Throws away what comes until nothing comes: an answer to what the command asked may still be on its way, and would be
    /// typed into the shell.
    fn drain(&self) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && self.is_ready(PollFlags::POLLIN, QUIET) {
            if tcflush(&self.file, FlushArg::TCIFLUSH).is_err() {
                return;
            }
        }
    }

    fn is_ready(&self, how: PollFlags, limit: Duration) -> bool {
        let mut ready = [PollFd::new(self.file.as_fd(), how)];
        let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::ZERO);
        poll(&mut ready, limit).is_ok()
            && ready[0]
                .revents()
                .is_some_and(|events| events.intersects(how))
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
