//! O_NONBLOCK is of the open file, which the user's shell shares: left behind, the next program that reads the terminal fails.
//!   (threats: TTY-03)
use nix::fcntl::{FcntlArg, OFlag, fcntl};

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does the user's terminal stay non-blocking?",
    threats: &["TTY-03"],
    behind: &[],
    needs: &[Need::Unbuilt(Unbuilt::TerminalRestored)],
    streams: Streams::Terminal,
    expect: Expect::Reached,
    attempt: |_| {
        let stdin = std::io::stdin();
        let flags = fcntl(&stdin, FcntlArg::F_GETFL).map(OFlag::from_bits_retain);
        let set =
            flags.and_then(|flags| fcntl(&stdin, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)));
        Seen::one("fcntl(2) O_NONBLOCK", Act::of_nix(set))
    },
    harmed: |bait| {
        let [before, after] = bait.recorded().unwrap_or_default().flags;
        (before != after).then(|| format!("flags before {before:o}, after {after:o}"))
    },
    ..Probe::USUAL
};
