//! Owns streams that must not be handed over as they are: a pipe stands between a file of the caller and the inside.
//!
//! A regular file as standard input can be opened again through `/proc/self/fd/0`, for writing.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::thread::JoinHandle;

use crate::plan::{Action, Plan};

/// The pipes, before the sandbox is started.
pub(super) struct Relays {
    stdin: Option<(Option<PipeReader>, PipeWriter)>,
    outputs: [Option<(PipeReader, Option<PipeWriter>)>; 2],
}

/// The threads that copy.
pub(super) struct Running {
    outputs: Vec<JoinHandle<io::Result<()>>>,
}

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
        if let Some((_, writer)) = self.stdin {
            // Never waited for: it may sit in a read of the caller's file when the command has long ended.
            std::thread::spawn(move || copy(io::stdin(), writer));
        }
        let [stdout, stderr] = self.outputs;
        let mut outputs = Vec::new();
        if let Some((reader, _)) = stdout {
            outputs.push(std::thread::spawn(move || copy(reader, io::stdout())));
        }
        if let Some((reader, _)) = stderr {
            outputs.push(std::thread::spawn(move || copy(reader, io::stderr())));
        }
        Running { outputs }
    }
}

impl Running {
    /// Waits until everything that was written inside is in the caller's files.
    ///
    /// # Errors
    /// Where one of them could not take it, such as on a full disk. A reader that went away is no error.
    pub(super) fn finish(self) -> io::Result<()> {
        let mut result = Ok(());
        for output in self.outputs {
            match output
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("the relay ended early")))
            {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => result = Err(error),
                _ => {}
            }
        }
        result
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
