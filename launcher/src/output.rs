//! Owns the end of a program that is run for what it says: it has a time and a size, and is killed beyond them with all that it
//! started. A tool of the host that hangs must not hang the launcher.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::text::escape;

/// More than the largest fence takes to list.
const MOST: usize = 64 << 20;

/// How much of what was said stands in an error.
const SHOWN: usize = 200;

/// Runs `command` to its end, which must come within `limit`.
///
/// # Errors
/// That it could not be started, or which limit it met, and what it said until then.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> io::Result<Output> {
    let deadline = Instant::now() + limit;
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.process_group(0).spawn()?;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let read = read_all(&mut child, &mut stdout, &mut stderr, deadline);
    match read.and_then(|()| end(&mut child, deadline)) {
        Ok(status) => Ok(Output {
            status,
            stdout,
            stderr,
        }),
        Err(error) => {
            kill(&mut child);
            let said = said(&[&stderr, &stdout]);
            let why = match error.kind() {
                io::ErrorKind::TimedOut => format!("it did not end within {limit:?}"),
                _ => error.to_string(),
            };
            Err(io::Error::new(error.kind(), format!("{why}; {said}")))
        }
    }
}

/// Kills a leader of a process group and all of that group.
pub(crate) fn kill(leader: &mut Child) {
    // Until it is waited for, its number is nobody else's.
    if let (Ok(None), Ok(number)) = (leader.try_wait(), i32::try_from(leader.id())) {
        let _ = killpg(Pid::from_raw(number), Signal::SIGKILL);
    }
    let _ = leader.wait();
}

/// What was said, for an error: the first line there is.
pub(crate) fn said(streams: &[&[u8]]) -> String {
    let start = |stream: &[u8]| {
        let shown = stream.get(..SHOWN).unwrap_or(stream);
        String::from_utf8_lossy(shown).into_owned()
    };
    let texts: Vec<String> = streams.iter().map(|stream| start(stream)).collect();
    let mut lines = texts.iter().flat_map(|text| text.lines());
    match lines.find(|line| !line.trim().is_empty()) {
        Some(line) => format!("it said: {}", escape(line.as_ref())),
        None => "it said nothing".into(),
    }
}

fn read_all(
    child: &mut Child,
    stdout: &mut Vec<u8>,
    stderr: &mut Vec<u8>,
    deadline: Instant,
) -> io::Result<()> {
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    loop {
        let open = [out.as_ref().map(AsFd::as_fd), err.as_ref().map(AsFd::as_fd)];
        let mut ready: Vec<PollFd> = open
            .iter()
            .flatten()
            .map(|pipe| PollFd::new(*pipe, PollFlags::POLLIN))
            .collect();
        if ready.is_empty() {
            return Ok(());
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        if left.is_zero() || poll(&mut ready, timeout)? == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut spoken = ready.iter().map(|one| one.any().unwrap_or(true));
        let spoken = open.map(|pipe| pipe.is_some() && spoken.next().unwrap_or(false));
        if spoken[0] {
            part(&mut out, stdout)?;
        }
        if spoken[1] {
            part(&mut err, stderr)?;
        }
    }
}

/// Reads a part, or finds that there is no more.
fn part(pipe: &mut Option<impl Read>, all: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    let read = match pipe.as_mut() {
        Some(pipe) => pipe.read(&mut buffer)?,
        None => 0,
    };
    if read == 0 {
        *pipe = None;
    }
    all.extend_from_slice(&buffer[..read]);
    if all.len() > MOST {
        return Err(io::Error::other("it says more and more"));
    }
    Ok(())
}

/// Both streams can be closed long before the end.
fn end(child: &mut Child, deadline: Instant) -> io::Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() > deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        sleep(Duration::from_millis(1));
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test runs programs")]
mod tests {
    use super::*;

    fn shell(script: &str) -> io::Result<Output> {
        let mut command = Command::new("/bin/sh");
        run_within(command.args(["-c", script]), Duration::from_millis(500))
    }

    #[test]
    fn both_streams_and_the_status_are_told() {
        let output = shell("echo out; echo err >&2; exit 3").expect("an output");
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(
            (output.stdout, output.stderr),
            (b"out\n".into(), b"err\n".into())
        );
    }

    #[test]
    fn a_program_that_hangs_is_killed_with_what_it_started() {
        let began = Instant::now();
        for script in [
            "echo a word; sleep 60 & sleep 60",
            "exec >&- 2>&-; sleep 60",
        ] {
            let error = shell(script).expect_err("an error");
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert!(
                error
                    .to_string()
                    .starts_with("it did not end within 500ms; it said")
            );
        }
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn who_never_stops_talking_is_stopped() {
        let error = shell("exec yes").expect_err("an error");
        assert!(error.to_string().ends_with("; it said: y"), "{error}");
    }
}
