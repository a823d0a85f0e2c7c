//! Status flags are of the open file, which the user's shell shares: with O_NONBLOCK left behind, the next program that reads the
//! terminal fails; with O_ASYNC it is signalled (fcntl(2)).   (threats: TTY-03)
use nix::fcntl::{FcntlArg, OFlag, fcntl};

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does the user's terminal stay non-blocking?",
    threats: &["TTY-03"],
    behind: &[Guard::TerminalRestored],
    also_as_root: true,
    streams: Streams::Terminal,
    expect: Expect::Reached,
    attempt: |_| {
        let stdin = std::io::stdin();
        let flags = fcntl(&stdin, FcntlArg::F_GETFL).map(OFlag::from_bits_retain);
        let more = OFlag::O_NONBLOCK | OFlag::O_APPEND;
        let set = flags.and_then(|flags| fcntl(&stdin, FcntlArg::F_SETFL(flags | more)));
        Seen::one("fcntl(2) O_NONBLOCK", Act::of_nix(set))
    },
    harmed: |bait| {
        let [before, after] = bait.recorded().unwrap_or_default().flags;
        (before != after).then(|| format!("flags before {before:o}, after {after:o}"))
    },
    ..Probe::USUAL
};
