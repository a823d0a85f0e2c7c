//! A socket with a path answers whoever can name it: neither a read-only mount nor a network namespace stops that (M-14).
//!   (threats: SOCK-01)
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
            inside::knock(path.to_string().as_ref(), &bait.word())
        })
    },
    harmed: Bait::word_heard,
    ..Probe::USUAL
};
