//! Owns a start on a terminal of its own: what it shows, and how it is left.
//!
//! The leader of the session is a shell, as on any terminal. The launcher is never the leader: when a leader dies, the kernel
//! hangs the terminal up, and nobody could look at how it was left.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

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

/// What a terminal is asked, and what it answers: its kind, the place of the cursor, the clipboard ("XTerm Control Sequences").
const ANSWERS: [(&[u8], &[u8]); 3] = [
    (b"\x1b[c", b"\x1b[?62;22c"),
    (b"\x1b[6n", b"\x1b[24;1R"),
    (b"\x1b]52;c;?\x1b\\", b"\x1b]52;c;Y2xpcGJvYXJk\x1b\\"),
];

/// How long an answer is under way.
const AWAY: Duration = Duration::from_millis(10);

/// The answers to all questions in these bytes, in order.
fn questions(bytes: &[u8]) -> Vec<&'static [u8]> {
    let starts = 0..bytes.len();
    starts
        .filter_map(|start| {
            let mut known = ANSWERS.iter();
            known.find(|(question, _)| bytes[start..].starts_with(question))
        })
        .map(|(_, answer)| *answer)
        .collect()
}

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
        // A screen, as the terminal of a person is.
        leader.arg("TERM=xterm-256color");
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
            let (mut buffer, mut answered) = ([0; 8192], 0);
            // EIO: nobody has the terminal open any more.
            while let Ok(length @ 1..) = master.read(&mut buffer) {
                let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                all.extend_from_slice(&buffer[..length]);
                let questions = questions(&all);
                drop(all);
                for answer in questions.iter().skip(answered) {
                    // As one at the other end of a network.
                    thread::sleep(AWAY);
                    let _ = master.write_all(answer);
                }
                answered = questions.len();
            }
        });
        Ok(Self {
            command: leader,
            notes,
            shown,
            reader,
        })
    }

    pub(super) fn spawn(&mut self, lab: &Lab) -> io::Result<Child> {
        lab.spawn(&mut self.command)
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
