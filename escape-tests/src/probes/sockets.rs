//! A socket with a path answers whoever can name it: neither a read-only mount nor a network namespace stops that (M-14).
//!   (threats: SOCK-01)
use std::os::unix::net::UnixStream;

use crate::harness::bait::ATTACK;
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it speak to a socket of the host?",
    threats: &["SOCK-01"],
    behind: &[Guard::HomeHidden, Guard::HostHidden, Guard::TmpPrivate],
    harmless: true,
    also_as_root: true,
    expect: Expect::Absent,
    attempt: |bait| {
        Seen::each(bait.sockets.iter().map(|path| path.display()), |path| {
            inside::converse(UnixStream::connect(path.to_string()), ATTACK)
        })
    },
    harmed: |bait| bait.attack_heard("socket"),
    ..Probe::USUAL
};
