//! A session that will not end: who is stopped, who ignores what is asked, who is never read. Each ends, by a status that says why,
//! and nothing is left (RUN-04, RES-07, RES-08).

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use escape_tests::terminal::{Process, Terminal, descendants, processes, processes_with};
use escape_tests::{Caller, SOON, claudebox_bin, until};
use rustix::process::Signal;

use crate::{claudebox, kill, nothing_is_left};

/// How long the launcher waits for a command that was asked to end.
const GRACE: Duration = Duration::from_secs(10);

/// A number that is no other test's, for sleep(1).
fn marker() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("98{}.{next}5", std::process::id())
}

/// `sh -c SCRIPT MARKER` in a sandbox, on a terminal, once a `sleep MARKER` runs.
struct Session {
    terminal: Terminal,
    launcher: u32,
    marker: String,
    _caller: Caller,
}

impl Session {
    fn start(script: &str) -> Self {
        let caller = Caller::new();
        let marker = marker();
        let words = ["exec", "-y", "--network", "none", "--", "sh", "-c", script];
        let line = claudebox(&[&words[..], &[&marker]].concat());
        let terminal = Terminal::start(&caller, &line, |_| {});
        let launcher = terminal.command_pid();
        let session = Self {
            terminal,
            launcher,
            marker,
            _caller: caller,
        };
        session.process("sleep");
        session
    }

    /// The process of this name that the launcher started, or one below it.
    fn process(&self, name: &str) -> Process {
        until(name, SOON, || {
            let mut below = descendants(self.launcher).into_iter();
            below.find(|process| process.name == name)
        })
    }

    fn stop(&self, name: &str) {
        let pid = if name == "launcher" {
            self.launcher
        } else {
            self.process(name).pid
        };
        kill(pid, Signal::STOP);
        until("it to stand still", SOON, || {
            let mut all = processes().into_iter();
            all.find(|one| one.pid == pid && one.state == 'T').map(drop)
        });
    }

    /// Asserts that all ends within `limit` and 2 s more leave nothing; the exit status.
    fn ends_within(&self, limit: Duration) -> i32 {
        let ended = self.terminal.ended(limit);
        assert_eq!(ended.modes_before, ended.modes_after);
        nothing_is_left(|| {
            let mut left = processes_with(&self.marker);
            left.extend(self.terminal.session());
            left
        });
        ended.code
    }
}

const SLEEP: &str = r#"exec sleep "$0""#;

/// Who stands between the caller and the command, and who is not the command itself.
const CHAIN: [&str; 3] = ["launcher", "bwrap", "init"];

#[test]
fn whoever_is_stopped_the_end_of_the_launcher_is_the_end() {
    for name in CHAIN.into_iter().chain(["sleep"]) {
        let session = Session::start(SLEEP);
        session.stop(name);
        if name == "sleep" {
            // The job stands still with its command, and has given the terminal back by then.
            until("the launcher to stop", SOON, || {
                let mut all = processes().into_iter();
                let launcher = all.find(|one| one.pid == session.launcher)?;
                (launcher.state == 'T').then_some(())
            });
        }
        kill(session.launcher, Signal::KILL);
        assert_eq!(session.ends_within(SOON), 137, "{name}");
    }
}

#[test]
fn whoever_is_stopped_the_end_of_bwrap_is_the_end() {
    for name in ["bwrap", "init"] {
        let session = Session::start(SLEEP);
        session.stop(name);
        kill(session.process("bwrap").pid, Signal::KILL);
        let code = session.ends_within(SOON);
        assert!(code == 137 || code == 125, "{name}: {code}");
    }
}

#[test]
fn a_bwrap_that_stands_still_holds_nobody_up() {
    let session = Session::start(r#"sleep "$0" & sleep 0.5; exit 7"#);
    session.stop("bwrap");
    assert_eq!(session.ends_within(GRACE), 7);
}

#[test]
fn a_first_process_that_stands_still_is_ended_with_the_session() {
    let session = Session::start(SLEEP);
    session.stop("init");
    let began = Instant::now();
    kill(session.launcher, Signal::TERM);
    // Nobody is there who could tell of the command.
    assert_eq!(session.ends_within(GRACE + Duration::from_secs(5)), 137);
    assert!(began.elapsed() >= GRACE, "it has the time that is promised");
}

#[test]
fn a_launcher_that_was_stopped_goes_on() {
    let session = Session::start(r#"sleep "$0" & sleep 0.5; exit 8"#);
    session.stop("launcher");
    sleep(Duration::from_millis(700));
    kill(session.launcher, Signal::CONT);
    assert_eq!(session.ends_within(GRACE), 8);
}

#[test]
fn a_command_that_ignores_sigterm_is_killed_when_its_time_is_up() {
    for signal in [Signal::TERM, Signal::HUP] {
        let session =
            Session::start(r#"trap "" TERM HUP; sleep "$0" & while :; do wait; sleep 0.2; done"#);
        let began = Instant::now();
        kill(session.launcher, signal);
        assert_eq!(session.ends_within(GRACE + Duration::from_secs(5)), 137);
        assert!(began.elapsed() >= GRACE, "it has the time that is promised");
    }
}

/// A start without any terminal, in a session of its own.
fn without_terminal(caller: &Caller, script: &str) -> Command {
    let mut command = caller.command("setsid");
    command.arg(claudebox_bin());
    command.args(["exec", "-y", "--network", "none", "--", "sh", "-c", script]);
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    command
}

/// The launcher of such a start, once its command has written something.
fn launcher_of(child: &mut Child) -> u32 {
    // What it says is the audit, then the command's word.
    let mut stderr = child.stderr.take().expect("a pipe");
    let mut said = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&said).contains("it-runs") {
        let length = stderr.read(&mut buffer).expect("reading a pipe");
        assert!(length > 0, "{}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&buffer[..length]);
    }
    // Not being the leader of a group, setsid(1) becomes it.
    child.id()
}

/// Orphans too: they have another parent then, and the same session.
fn of_session(leader: u32) -> Vec<Process> {
    let all = processes().into_iter();
    all.filter(|process| process.session == leader).collect()
}

fn ends(child: &mut Child, limit: Duration) -> Option<i32> {
    until("the end", limit, || child.try_wait().expect("a child")).code()
}

/// More than a pipe and a socket hold together.
const FLOOD: &str = r#"echo it""-runs >&2; head -c 8000000 /dev/zero"#;

#[test]
fn output_that_nobody_reads_does_not_outlast_a_signal() {
    // A pipe is handed over: the command itself waits, and takes the signal.
    let caller = Caller::new();
    let mut command = without_terminal(&caller, &format!("{FLOOD} | cat"));
    let mut child = command.stdout(Stdio::piped()).spawn().expect("a start");
    let launcher = launcher_of(&mut child);
    sleep(Duration::from_millis(300));
    kill(launcher, Signal::TERM);
    assert_eq!(ends(&mut child, GRACE), Some(143));
    nothing_is_left(|| of_session(child.id()));
}

#[test]
fn output_that_waits_in_the_relay_does_not_outlast_a_signal() {
    // A socket is copied: the command is through with what a pipe holds, and only the launcher waits.
    for (script, code) in [
        (
            r#"echo it""-runs >&2; head -c 300000 /dev/zero; exit 0"#,
            143,
        ),
        (FLOOD, 143),
    ] {
        let caller = Caller::new();
        let (ours, theirs) = UnixStream::pair().expect("two sockets");
        let mut command = without_terminal(&caller, script);
        let mut child = command
            .stdout(OwnedFd::from(theirs))
            .spawn()
            .expect("a start");
        drop(command);
        let launcher = launcher_of(&mut child);
        sleep(Duration::from_millis(700));
        let began = Instant::now();
        kill(launcher, Signal::TERM);
        assert_eq!(ends(&mut child, GRACE), Some(code), "{script}");
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "{:?}",
            began.elapsed()
        );
        nothing_is_left(|| of_session(child.id()));
        drop(ours);
    }
}

#[test]
fn ten_thousand_orphans_are_reaped() {
    let caller = Caller::new();
    // Each of a hundred parents ends before its hundred children, which end at once: all of these are PID 1's then.
    let script = r#"echo it""-runs >&2
        i=0
        while [ $i -lt 100 ]; do
            (j=0; while [ $j -lt 100 ]; do : & j=$((j+1)); done)
            i=$((i+1))
        done
        dead=1; tries=0
        while [ "$dead" -gt 0 ] && [ $tries -lt 50 ]; do
            dead=$(cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z 1 ')
            tries=$((tries+1)); sleep 0.1
        done
        echo "dead $dead""#;
    let mut command = without_terminal(&caller, script);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("a start");
    let _ = launcher_of(&mut child);
    assert_eq!(ends(&mut child, SOON), Some(0));
    let mut said = String::new();
    let mut stdout = child.stdout.take().expect("a pipe");
    stdout.read_to_string(&mut said).expect("reading a pipe");
    assert_eq!(said, "dead 0\n");
}

#[test]
fn a_socket_carries_everything_both_ways() {
    let caller = Caller::new();
    let (mut ours, theirs) = UnixStream::pair().expect("two sockets");
    let mut command = without_terminal(&caller, r#"echo it""-runs >&2; cat; echo last"#);
    let both = theirs.try_clone().expect("one socket twice");
    command.stdin(OwnedFd::from(both));
    let mut child = command
        .stdout(OwnedFd::from(theirs))
        .spawn()
        .expect("a start");
    drop(command);
    let _ = launcher_of(&mut child);
    let sent: Vec<u8> = (0..200_000_u32).map(|number| number as u8).collect();
    let mut writer = ours.try_clone().expect("one socket twice");
    let bytes = sent.clone();
    let feeder = std::thread::spawn(move || {
        writer.write_all(&bytes).expect("writing to a socket");
        writer.shutdown(std::net::Shutdown::Write).expect("the end");
    });
    let mut came = Vec::new();
    ours.read_to_end(&mut came).expect("reading a socket");
    feeder.join().expect("the feeder");
    assert_eq!(came.len(), sent.len() + "last\n".len());
    assert!(came.starts_with(&sent) && came.ends_with(b"last\n"));
    assert_eq!(ends(&mut child, GRACE), Some(0));
}
