//! A person at a terminal of 80 columns and 24 lines: starts a command on a pseudo-terminal, types, looks at the screen.
//!
//! The command has a parent that is the leader of the session, as on any terminal: either `sh`, which notes how the command
//! left the terminal, or an interactive bash with job control. The launcher itself is never the leader: when a leader dies the
//! kernel hangs the terminal up, and that alone would end what the launcher must end by itself.

mod processes;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Gid, Mode, OFlags, Uid};
use rustix::process::{Pid, Signal};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::Winsize;

pub use self::processes::{Process, descendants, processes, processes_with};
use crate::harness::screen::left_on;
use crate::{Caller, SOON, until};

/// Notes the modes of the terminal, runs the command, notes how it ended and the modes again. A signal from the keyboard is
/// for the command: `:` catches it here, and a caught signal, unlike an ignored one, is not inherited.
const PARENT: &str = r#"trap : INT QUIT
notes=$1; shift
stty -g >"$notes/before"
"$@"
code=$?
stty -g >"$notes/after"
echo "$code" >"$notes/code"
"#;

/// The size of a new terminal.
pub const ROWS: u16 = 24;
/// The size of a new terminal.
pub const COLUMNS: u16 = 80;

/// The prompt of the interactive bash.
pub const PROMPT: &str = "[ready]";

/// A terminal with a command on it. Dropping it hangs up and kills the session.
#[derive(Debug)]
pub struct Terminal {
    master: File,
    leader: Child,
    notes: PathBuf,
    seen: Arc<Mutex<Seen>>,
}

/// What the terminal has shown.
struct Seen {
    bytes: Vec<u8>,
    screen: vt100::Parser,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.screen.screen().contents())
    }
}

/// How a command left the terminal.
#[derive(Debug)]
pub struct Ended {
    /// The exit status, as `$?` of a shell.
    pub code: i32,
    /// `stty -g` before.
    pub modes_before: String,
    /// `stty -g` after.
    pub modes_after: String,
}

impl Terminal {
    /// Starts a command line on a new terminal. `prepare` sets what it needs of the environment.
    ///
    /// # Panics
    ///
    /// When there is no pseudo-terminal, or `setsid` of util-linux is missing.
    #[must_use]
    pub fn start<S: AsRef<OsStr>>(
        caller: &Caller,
        line: &[S],
        prepare: impl FnOnce(&mut Command),
    ) -> Self {
        let notes = notes_folder(caller);
        Self::open(caller, notes.clone(), |command| {
            command
                .args(["sh", "-c", PARENT, "sh"])
                .arg(notes)
                .args(line);
            prepare(command);
        })
    }

    /// Starts an interactive bash on a new terminal, in the project, and waits for its prompt.
    ///
    /// # Panics
    ///
    /// As [`Terminal::start`], and when there is no bash.
    #[must_use]
    pub fn bash(caller: &Caller) -> Self {
        let terminal = Self::open(caller, notes_folder(caller), |command| {
            command
                .args(["bash", "--norc", "--noprofile", "-i"])
                .env("PS1", PROMPT)
                .env("HISTFILE", "");
            // Each line of `jobs` and of the prompt shall be plain text.
            command.env("INPUTRC", "/dev/null");
        });
        terminal.expect(PROMPT);
        terminal
    }

    fn open(caller: &Caller, notes: PathBuf, fill: impl FnOnce(&mut Command)) -> Self {
        let (master, slave) = pair(ROWS, COLUMNS).expect("a pseudo-terminal");
        // A login gives its terminal to the user in the same way.
        let owner = Uid::from_raw(caller.uid());
        rustix::fs::fchown(&slave, Some(owner), None::<Gid>)
            .expect("giving the terminal to the caller");

        // setsid makes the new session, and its terminal the controlling one; env takes back what this process ignores, such
        // as SIGINT where a shell runs the tests in the background: an ignored signal is inherited, and cannot be caught in
        // a shell. Each becomes the next by exec.
        let mut command = caller.command("setsid");
        command
            .args(["--ctty", "env", "--default-signal"])
            .env("TERM", "xterm-256color");
        fill(&mut command);
        let again = || slave.try_clone().expect("duplicating a descriptor");
        command.stdin(again()).stdout(again()).stderr(again());
        let leader = command
            .spawn()
            .unwrap_or_else(|error| panic!("starting {command:?}: {error}"));
        // The command holds the other side too; it must not outlive this function.
        drop(command);
        drop(slave);

        let seen = Arc::new(Mutex::new(Seen {
            bytes: Vec::new(),
            screen: vt100::Parser::new(lines(ROWS), lines(COLUMNS), 0),
        }));
        let reader = File::from(master.try_clone().expect("duplicating a descriptor"));
        thread::spawn({
            let seen = Arc::clone(&seen);
            move || read(reader, &seen)
        });
        Self {
            master: master.into(),
            leader,
            notes,
            seen,
        }
    }

    /// Types text as it is.
    ///
    /// # Panics
    ///
    /// When the terminal was hung up.
    pub fn type_text(&self, text: &str) {
        (&self.master)
            .write_all(text.as_bytes())
            .expect("typing on the terminal");
    }

    /// The process group that a key reaches; `None` once the terminal has no session.
    #[must_use]
    pub fn foreground(&self) -> Option<Pid> {
        rustix::termios::tcgetpgrp(&self.master).ok()
    }

    /// Types a line for the interactive bash, which then is at its prompt no more.
    pub fn type_line(&self, line: &str) {
        self.forget();
        self.type_text(&format!("{line}\r"));
    }

    /// Changes the size of the window, as dragging its edge does.
    ///
    /// # Panics
    ///
    /// When the terminal refuses it.
    pub fn resize(&self, rows: u16, columns: u16) {
        rustix::termios::tcsetwinsize(&self.master, winsize(rows, columns))
            .expect("setting the size of the terminal");
        self.lock()
            .screen
            .screen_mut()
            .set_size(lines(rows), lines(columns));
    }

    /// The lines of the screen, without what a person cannot see.
    #[must_use]
    pub fn screen(&self) -> String {
        self.lock().screen.screen().contents()
    }

    /// All that was written to the terminal since the start or since [`Terminal::forget`], escape sequences included.
    #[must_use]
    pub fn written(&self) -> String {
        String::from_utf8_lossy(&self.lock().bytes).into_owned()
    }

    /// Empties what [`Terminal::written`] and [`Terminal::expect`] look at. The screen stays.
    pub fn forget(&self) {
        self.lock().bytes.clear();
    }

    /// Waits until `text` was written since the start or since [`Terminal::forget`].
    ///
    /// # Panics
    ///
    /// With the screen, when it does not come soon.
    pub fn expect(&self, text: &str) {
        self.expect_that(&format!("{text:?}"), |terminal| {
            terminal.written().contains(text)
        });
    }

    /// Waits until a condition holds.
    ///
    /// # Panics
    ///
    /// With the screen, when it does not come to hold soon.
    pub fn expect_that(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let end = Instant::now() + SOON;
        while !condition(self) {
            // What the command wrote last may still be on its way when it has ended.
            let ended = self.has_ended();
            thread::sleep(Duration::from_millis(if ended { 300 } else { 20 }));
            if (ended && !condition(self)) || Instant::now() > end {
                let code = self.note("code");
                let screen = self.screen();
                panic!(
                    "waited in vain for {what}; exit status, if any: {code}; screen:\n{screen}\n---"
                );
            }
        }
    }

    /// Waits until the command has ended, and tells how.
    ///
    /// # Panics
    ///
    /// With the screen, when it does not end within `limit`.
    #[must_use]
    pub fn ended(&self, limit: Duration) -> Ended {
        let end = Instant::now() + limit;
        while !self.has_ended() {
            assert!(
                Instant::now() < end,
                "no end within {limit:?}; screen:\n{}\n---",
                self.screen()
            );
            thread::sleep(Duration::from_millis(20));
        }
        let code = self.note("code").parse().expect("a shell writes a number");
        Ended {
            code,
            modes_before: self.note("before"),
            modes_after: self.note("after"),
        }
    }

    /// The processes of the session, its leader aside: the command, all that it started, and orphans of these, whatever
    /// their names. Only who began a session of their own are not among them.
    #[must_use]
    pub fn session(&self) -> Vec<Process> {
        let leader = self.leader.id();
        let all = processes().into_iter();
        all.filter(|process| process.session == leader && process.pid != leader)
            .collect()
    }

    /// Whether the command has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        !self.note("code").is_empty()
    }

    /// Whether the alternate screen is shown, which a program has to leave when it ends.
    #[must_use]
    pub fn alternate_screen(&self) -> bool {
        self.lock().screen.screen().alternate_screen()
    }

    /// Whether the cursor is hidden.
    #[must_use]
    pub fn cursor_hidden(&self) -> bool {
        self.lock().screen.screen().hide_cursor()
    }

    /// Whether lines are edited and keys are echoed, as a shell has it; a program that reads keys takes both away.
    ///
    /// # Panics
    ///
    /// When the terminal was hung up.
    #[must_use]
    pub fn edits_and_echoes(&self) -> [bool; 2] {
        use rustix::termios::{LocalModes, tcgetattr};
        let modes = tcgetattr(&self.master)
            .expect("the modes of the terminal")
            .local_modes;
        [LocalModes::ICANON, LocalModes::ECHO].map(|mode| modes.contains(mode))
    }

    /// What is on which a shell does not expect, by all that was written since the start or since [`Terminal::forget`].
    #[must_use]
    pub fn left_on(&self) -> Vec<&'static str> {
        left_on(&self.lock().bytes)
    }

    fn note(&self, name: &str) -> String {
        fs::read_to_string(self.notes.join(name))
            .unwrap_or_default()
            .trim()
            .to_owned()
    }

    /// The process that the parent started: the launcher, whatever its name.
    #[must_use]
    pub fn command_pid(&self) -> u32 {
        let parent = self.leader.id();
        until("the command to start", SOON, || {
            // stty comes and goes before it.
            let mut children = processes()
                .into_iter()
                .filter(|process| process.parent == parent);
            children
                .find(|process| process.name != "stty" && process.name != "sh")
                .map(|process| process.pid)
        })
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The leader is a child of ours that nobody else waits for, so its id is still its own.
        rustix::process::kill_process(Pid::from_child(&self.leader), Signal::KILL).ok();
        drop(self.leader.wait());
    }
}

fn notes_folder(caller: &Caller) -> PathBuf {
    let folder = caller.home().join(".notes");
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).expect("making a folder");
    caller.own(&folder);
    folder
}

/// A number of lines or columns, as vt100 takes it.
pub(crate) fn lines(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).expect("a window has lines and columns")
}

/// Both ends of a new terminal. What other threads start meanwhile does not inherit them: the slave would stay open with it, and
/// whoever waits for the end of the terminal would wait for the end of that.
///
/// # Errors
/// Where there is no pseudo-terminal.
pub fn pair(rows: u16, columns: u16) -> io::Result<(OwnedFd, OwnedFd)> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave = rustix::fs::open(name.as_c_str(), flags, Mode::empty())?;
    rustix::termios::tcsetwinsize(&slave, winsize(rows, columns))?;
    Ok((master, slave))
}

fn winsize(rows: u16, columns: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

/// Reads until the last holder of the other side is gone (EIO).
fn read(mut master: File, seen: &Mutex<Seen>) {
    let mut buffer = [0; 8192];
    while let Ok(length @ 1..) = master.read(&mut buffer) {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.bytes.extend_from_slice(&buffer[..length]);
        seen.screen.process(&buffer[..length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_secs(10);

    #[test]
    fn it_shows_takes_and_tells_the_end() {
        let caller = Caller::new();
        let line = [
            "sh",
            "-c",
            "echo what; read answer; echo got-$answer; exit 7",
        ];
        let terminal = Terminal::start(&caller, &line, |_| {});
        terminal.expect("what");
        terminal.type_text("this\r");
        terminal.expect("got-this");
        let ended = terminal.ended(SHORT);
        assert_eq!(ended.code, 7);
        assert!(!ended.modes_before.is_empty());
        assert_eq!(ended.modes_before, ended.modes_after);
    }

    #[test]
    fn it_sees_modes_that_were_not_given_back() {
        let caller = Caller::new();
        let ended = Terminal::start(&caller, &["stty", "-echo"], |_| {}).ended(SHORT);
        assert_ne!(ended.modes_before, ended.modes_after);
    }

    #[test]
    fn the_keyboard_interrupts_the_command_and_not_its_parent() {
        let caller = Caller::new();
        let terminal = Terminal::start(&caller, &["sleep", "1000"], |_| {});
        let pid = terminal.command_pid();
        until("sleep", SHORT, || {
            processes()
                .into_iter()
                .find(|process| process.pid == pid && process.name == "sleep")
        });
        terminal.type_text("\x03");
        assert_eq!(terminal.ended(SHORT).code, 130);
    }

    #[test]
    fn a_resized_window_is_seen() {
        let caller = Caller::new();
        let terminal = Terminal::start(
            &caller,
            &["sh", "-c", "stty size; read line; stty size"],
            |_| {},
        );
        terminal.expect("24 80");
        terminal.resize(30, 100);
        terminal.type_text("\r");
        terminal.expect("30 100");
        assert_eq!(terminal.ended(SHORT).code, 0);
    }

    #[test]
    fn bash_has_job_control() {
        let caller = Caller::new();
        let terminal = Terminal::bash(&caller);
        terminal.type_line("sleep 1000");
        let job = until("sleep", SHORT, || {
            descendants(terminal.leader.id())
                .into_iter()
                .find(|process| process.name == "sleep")
        });
        terminal.type_text("\x1a");
        terminal.expect("Stopped");
        terminal.type_line("fg; echo status-$?");
        let job = Pid::from_raw(job.pid.cast_signed()).expect("a process has a number");
        until("the job to be in front", SHORT, || {
            (terminal.foreground() == Some(job)).then_some(())
        });
        rustix::process::kill_process(job, Signal::TERM).expect("it is a child of a child");
        terminal.expect("status-143");
    }
}
