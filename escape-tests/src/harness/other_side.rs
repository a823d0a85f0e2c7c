//! Owns standard inputs that are neither pipe nor file: each with its other side, which somebody of the host holds.

use std::fs::File;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Stdio;

use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::sys::stat::Mode;
use nix::unistd::{Uid, fchown, mkfifo};

use super::lab::Lab;
use crate::probe::Streams;
use crate::terminal::{self, COLUMNS, ROWS};

/// The name of the FIFO, in the folder of bait.
const FIFO: &str = "input.fifo";

/// Standard input and its other side; `None` where it is a pipe or a file.
pub(super) fn of(streams: Streams, lab: &Lab) -> io::Result<Option<(Stdio, File)>> {
    let (stdin, other_side): (OwnedFd, OwnedFd) = match streams {
        Streams::Pipes | Streams::Files | Streams::Terminal => return Ok(None),
        Streams::Socket => {
            let listener = TcpListener::bind(("127.0.0.1", 0))?;
            let near = TcpStream::connect(listener.local_addr()?)?;
            (near.into(), listener.accept()?.0.into())
        }
        Streams::Fifo => {
            let path = lab.bait.folder.join(FIFO);
            mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)?;
            lab.give(&path)?;
            // Without waiting for a writer (fifo(7)); it is waited for from then on.
            let reader = open(
                &path,
                OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC,
                Mode::empty(),
            )?;
            let writer = File::options().write(true).open(&path)?;
            fcntl(&reader, FcntlArg::F_SETFL(OFlag::empty()))?;
            (reader, writer.into())
        }
        Streams::ForeignTerminal => {
            let (master, slave) = terminal::pair(ROWS, COLUMNS)?;
            fchown(&slave, Some(Uid::from_raw(lab.bait.uid)), None)?;
            (slave, master)
        }
    };
    Ok(Some((stdin.into(), other_side.into())))
}
