//! Owns the status flags of the streams that are handed over. They belong to the open file, which the caller's shell and the
//! other programs of a pipeline share (fcntl(2), F_SETFL): O_NONBLOCK left behind makes the next program that reads it fail.

use std::io;
use std::os::fd::AsFd;

use nix::fcntl::{FcntlArg, OFlag, fcntl};

/// The flags of standard input, output and error; none of a stream that is closed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flags([Option<OFlag>; 3]);

impl Flags {
    /// As they are now.
    pub(super) fn now() -> Self {
        fn of(stream: impl AsFd) -> Option<OFlag> {
            let flags = fcntl(&stream, FcntlArg::F_GETFL).ok()?;
            Some(OFlag::from_bits_retain(flags))
        }
        Self([of(io::stdin()), of(io::stdout()), of(io::stderr())])
    }

    /// Sets them again where they are others.
    pub(super) fn set(self) {
        fn set(stream: impl AsFd, wanted: Option<OFlag>, now: Option<OFlag>) {
            if let Some(wanted) = wanted.filter(|_| wanted != now) {
                let _ = fcntl(&stream, FcntlArg::F_SETFL(wanted));
            }
        }
        let Self(now) = Self::now();
        let Self(wanted) = self;
        set(io::stdin(), wanted[0], now[0]);
        set(io::stdout(), wanted[1], now[1]);
        set(io::stderr(), wanted[2], now[2]);
    }
}
