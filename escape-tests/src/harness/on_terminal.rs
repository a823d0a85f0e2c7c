//! Owns a start on a terminal of its own: what it shows, and how it is left.
//!
//! The leader of the session is a shell, as on any terminal. The launcher is never the leader: when a leader dies, the kernel
//! hangs the terminal up, and nobody could look at how it was left.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use nix::libc;

use super::bait::{Bait, Recorded};
use super::lab::Lab;
use crate::terminal::{self, COLUMNS, ROWS};

/// Notes how the terminal is, runs the command, notes how it is then, and takes what could be read as if it had been typed.
/// A signal from the keyboard is for the command: one that is caught here, unlike one that is ignored, is not inherited.
const LEADER: &str = r#"trap : INT QUIT
notes=$1; shift
note() {
    stty -g >"$notes/settings.$1"
    cut -d' ' -f8 /proc/$$/stat >"$notes/foreground.$1"
    sed -n 's/^flags:[[:space:]]*//p' /proc/$$/fdinfo/0 >"$notes/flags.$1"
}
note before
"$@"
code=$?
note after
stty -icanon -echo min 0 time 1
dd bs=4096 count=1 of="$notes/typed" 2>/dev/null
exit "$code"
"#;

/// A terminal, and the command that will run on it.
#[derive(Debug)]
pub(super) struct OnTerminal {
    command: Command,
    notes: PathBuf,
    shown: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl OnTerminal {
    /// A terminal for `command`, whose standard output is a pipe.
    pub(super) fn prepare(command: Command, lab: &Lab) -> io::Result<Self> {
        let (master, slave) = terminal::pair(ROWS, COLUMNS)?;
        // As login(1) gives it to its user.
        let uid = nix::unistd::Uid::from_raw(lab.bait.uid);
        nix::unistd::fchown(&slave, Some(uid), None)?;
        let notes = lab.bait.folder.join("notes");
        fs::create_dir_all(&notes)?;
        lab.give(&notes)?;
        let mut leader = lab.command("/bin/sh");
        leader.args(["-c", LEADER, "sh"]).arg(&notes);
        // A shell would drop the variables whose names it cannot spell.
        leader.args(["env", "-i", "--"]);
        for (name, value) in command.get_envs() {
            let mut variable = name.to_owned();
            variable.push("=");
            variable.push(value.unwrap_or_default());
            leader.arg(variable);
        }
        leader.arg(command.get_program()).args(command.get_args());
        if let Some(folder) = command.get_current_dir() {
            leader.current_dir(folder);
        }
        leader.stdout(Stdio::piped());
        leader.stdin(slave.try_clone()?).stderr(slave);
        // SAFETY: both calls are async-signal-safe (signal-safety(7)); descriptor 0 is the terminal.
        unsafe {
            leader.pre_exec(|| {
                nix::unistd::setsid()?;
                nix::errno::Errno::result(libc::ioctl(0, libc::TIOCSCTTY, 0))?;
                Ok(())
            });
        }
        let shown = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&shown);
        let mut master = File::from(master);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 8192];
            // EIO: nobody has the terminal open any more.
            while let Ok(length @ 1..) = master.read(&mut buffer) {
                let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                all.extend_from_slice(&buffer[..length]);
            }
        });
        Ok(Self {
            command: leader,
            notes,
            shown,
            reader,
        })
    }

    pub(super) fn spawn(&mut self) -> io::Result<Child> {
        self.command.spawn()
    }

    /// Leaves what was recorded where the probe finds it, and returns what was shown.
    pub(super) fn write_down(self, bait: &Bait) -> io::Result<String> {
        // The command holds the terminal open; without it the reader ends.
        drop(self.command);
        let _ = self.reader.join();
        let note = |name: &str| fs::read_to_string(self.notes.join(name)).unwrap_or_default();
        let flags = |name: &str| i32::from_str_radix(note(name).trim(), 8).unwrap_or(-1);
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let recorded = Recorded {
            bytes: shown.clone(),
            settings: [note("settings.before"), note("settings.after")],
            foreground_given_back: !note("foreground.before").is_empty()
                && note("foreground.before") == note("foreground.after"),
            flags: [flags("flags.before"), flags("flags.after")],
            typed: fs::read(self.notes.join("typed")).unwrap_or_default(),
        };
        fs::write(&bait.terminal, serde_json::to_vec(&recorded)?)?;
        Ok(String::from_utf8_lossy(&recorded.bytes).into_owned())
    }
}
