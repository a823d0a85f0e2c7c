//! However a session ends or stops, the terminal is as it was: modes, screen, foreground, and nobody else's screen is touched
//! (HARD-06, RUN-04).

use std::fs;
use std::io::Read;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use escape_tests::terminal::{PROMPT, Terminal, descendants, pair, processes};
use escape_tests::{Caller, SOON, claudebox_bin, until};
use rustix::process::Signal;

use crate::{claudebox, kill, sh};

/// Leaves the terminal raw and the screen in every mode, then says so.
const MESS: &str = r#"stty raw -echo; printf "\033[>1u\033[?1049h\033[?1003h\033[?1006h\033[?1004h\033[?2004h\033[?25l\033[?1h\033=\033(0\033[31m\033[2;4r"; echo m""ess; "#;

/// How a session ends: by what the command does next, or by what is killed.
#[derive(Debug, Clone, Copy)]
enum End {
    Command(&'static str),
    Launcher(Signal),
    Below(&'static str),
}

#[test]
fn whatever_ends_it_the_terminal_is_given_back() {
    let caller = Caller::new();
    for (end, codes) in [
        (End::Command("exit 3"), &[3][..]),
        (End::Command("kill -KILL $$"), &[137]),
        (End::Command("kill -ABRT $$"), &[134]),
        (End::Launcher(Signal::TERM), &[143]),
        (End::Launcher(Signal::HUP), &[129]),
        (End::Launcher(Signal::QUIT), &[131]),
        (End::Launcher(Signal::ALARM), &[142]),
        (End::Launcher(Signal::XCPU), &[152]),
        (End::Below("bwrap"), &[137, 125]),
        (End::Below("init"), &[137, 125]),
        (End::Below("sleep"), &[137]),
    ] {
        let next = match end {
            End::Command(next) => next,
            End::Launcher(_) | End::Below(_) => "exec sleep 1000",
        };
        // Half a title at last: it must not swallow what takes all of it back.
        let terminal = sh(&caller, &format!(r#"{MESS} printf "\033]0;half"; {next}"#));
        terminal.expect("mess");
        match end {
            End::Command(_) => {}
            End::Launcher(signal) => kill(terminal.command_pid(), signal),
            End::Below(name) => {
                let launcher = terminal.command_pid();
                let found = until("the process", SOON, || {
                    let mut below = descendants(launcher).into_iter();
                    below.find(|process| process.name == name)
                });
                kill(found.pid, Signal::KILL);
            }
        }
        let ended = terminal.ended(SOON);
        assert!(codes.contains(&ended.code), "{end:?}: {}", ended.code);
        assert_eq!(ended.modes_before, ended.modes_after, "{end:?}");
        // What was written last may still be on its way to who reads the terminal.
        until(&format!("a clean screen after {end:?}"), SOON, || {
            terminal.left_on().is_empty().then_some(())
        });
    }
}

#[test]
fn of_a_command_that_changes_nothing_the_screen_stays_as_it_is() {
    let caller = Caller::new();
    let terminal = sh(&caller, r#"echo fir""st; printf la""st"#);
    terminal.expect("last");
    assert_eq!(terminal.ended(SOON).code, 0);
    // The shell's prompt would follow right there.
    assert!(
        terminal.screen().ends_with("first\nlast"),
        "{}",
        terminal.screen()
    );
    assert_eq!(terminal.left_on(), Vec::<&str>::new());
}

#[test]
fn while_it_is_stopped_the_terminal_is_the_shell_s() {
    let caller = Caller::new();
    // No shell with job control stands here: nobody else restores anything. Its group is an orphan, which only SIGSTOP stops.
    let terminal = sh(
        &caller,
        &format!(r#"{MESS} kill -STOP $$; echo aga""in; exec sleep 1000"#),
    );
    terminal.expect("mess");
    let launcher = terminal.command_pid();
    let state = || {
        let all = processes().into_iter();
        let mut this = all.filter(|process| process.pid == launcher);
        this.next().map(|process| process.state)
    };
    until("the launcher to stop", SOON, || {
        (state() == Some('T')).then_some(())
    });
    assert_eq!(terminal.edits_and_echoes(), [true, true]);
    assert_eq!(terminal.left_on(), Vec::<&str>::new());
    kill(launcher, Signal::CONT);
    terminal.expect("again");
    assert_eq!(
        terminal.edits_and_echoes(),
        [false, false],
        "the command finds its modes again"
    );
    kill(launcher, Signal::TERM);
    let ended = terminal.ended(SOON);
    assert_eq!(ended.code, 143);
    assert_eq!(ended.modes_before, ended.modes_after);
}

#[test]
fn a_job_that_ends_in_the_background_takes_nothing_from_the_shell() {
    let caller = Caller::new();
    let terminal = Terminal::bash(&caller);
    let script = "echo > up; while [ ! -e go ]; do sleep 0.05; done";
    let bin = claudebox_bin();
    terminal.type_line(&format!(
        "{} exec -y --network none -- bash -c '{script}'",
        bin.display()
    ));
    until("the job to run", SOON, || {
        caller.project().join("up").exists().then_some(())
    });
    terminal.type_text("\x1a");
    terminal.expect("Stopped");
    terminal.type_line("bg");
    terminal.expect(PROMPT);
    sleep(Duration::from_millis(300));
    let shell = terminal.foreground();
    terminal.forget();
    fs::write(caller.project().join("go"), "").expect("writing to the project");
    // It ends while bash reads its next line, with its own modes and in the foreground.
    sleep(Duration::from_millis(1500));
    assert_eq!(terminal.foreground(), shell, "the shell is in front");
    assert_eq!(terminal.written(), "", "nothing is written over its line");
    terminal.type_line("echo sta''tus-$?; jobs");
    terminal.expect("status-0");
    terminal.expect("Done");
}

#[test]
fn a_pager_keeps_its_screen_when_the_session_ends() {
    let caller = Caller::new();
    let terminal = Terminal::bash(&caller);
    // As less(1): it takes keys one by one from the terminal, draws there, and goes on when its input ends.
    let pager = r#"exec 3<>/dev/tty; stty raw -echo <&3; printf "\033[?1049h" >&3; read line; echo > taken; while [ ! -e go ]; do sleep 0.05; done; stty sane <&3"#;
    terminal.type_line(&format!(
        "{} exec -y --network none -- bash -c 'while [ ! -e taken ]; do sleep 0.05; echo; done' 2>/dev/tty | bash -c '{pager}'",
        claudebox_bin().display()
    ));
    until("the pager to draw", SOON, || {
        caller.project().join("taken").exists().then_some(())
    });
    until("the launcher to end", SOON, || {
        let left = processes();
        let is_launcher =
            |line: &str| line.contains("claudebox exec -y") && !line.contains("bash --norc");
        (!left
            .iter()
            .any(|one| is_launcher(&one.line) && one.line.contains("taken")))
        .then_some(())
    });
    assert_eq!(terminal.edits_and_echoes(), [false, false]);
    assert!(terminal.alternate_screen(), "the pager still draws there");
    fs::write(caller.project().join("go"), "").expect("writing to the project");
    terminal.forget();
    terminal.expect(PROMPT);
}

#[test]
fn output_that_was_halted_by_a_key_does_not_hang_the_end() {
    let caller = Caller::new();
    let terminal = sh(
        &caller,
        r#"echo rea""dy; while [ ! -e go ]; do sleep 0.05; done; exit 4"#,
    );
    terminal.expect("ready");
    // Ctrl-S.
    terminal.type_text("\x13");
    sleep(Duration::from_millis(100));
    fs::write(caller.project().join("go"), "").expect("writing to the project");
    let ended = terminal.ended(SOON);
    assert_eq!(ended.code, 4);
    assert_eq!(ended.modes_before, ended.modes_after);
}

#[test]
fn a_terminal_that_nobody_reads_does_not_hang_the_end() {
    let caller = Caller::new();
    let (master, slave) = pair(24, 80).expect("a pseudo-terminal");
    let owner = rustix::fs::Uid::from_raw(caller.uid());
    rustix::fs::fchown(&slave, Some(owner), None).expect("giving the terminal to the caller");
    let mut command = caller.command("setsid");
    command.args(["--ctty", "sh", "-c", r#""$@"; echo $? > code"#, "sh"]);
    command.args(claudebox(&["exec", "-y", "--network", "none", "--"]));
    command.args(["sh", "-c", "echo > up; yes"]);
    let again = || Stdio::from(slave.try_clone().expect("duplicating a descriptor"));
    command.stdin(again()).stdout(again()).stderr(again());
    let mut leader = command.spawn().expect("starting it");
    drop(command);
    drop(slave);
    // The audit fits; what `yes` writes does not.
    let mut reader = fs::File::from(master.try_clone().expect("duplicating a descriptor"));
    let mut audit = [0; 65536];
    until("the command to write", SOON, || {
        let started = caller.project().join("up").exists();
        if !started {
            drop(reader.read(&mut audit));
        }
        started.then_some(())
    });
    sleep(Duration::from_millis(300));
    let began = Instant::now();
    let launcher = descendants(leader.id())
        .into_iter()
        .find(|process| process.line.contains("exec -y") && process.name != "sh")
        .expect("the launcher");
    kill(launcher.pid, Signal::TERM);
    let code = until("the end", SOON, || {
        let code = fs::read_to_string(caller.project().join("code")).ok()?;
        code.trim().parse::<i32>().ok()
    });
    assert_eq!(code, 143);
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    drop(master);
    drop(leader.kill());
    drop(leader.wait());
}
