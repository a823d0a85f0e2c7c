//! A process group that began outside has no number inside: getpgrp(2) gives 0. Whoever is in it gets the signals of the
//! caller's job, and can send some.   (threats: PROC-02, TTY-03)
use nix::unistd::{Pid, getpgid, getpgrp};

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "is its process group one of the sandbox?",
    threats: &["PROC-02", "TTY-03"],
    behind: &[Guard::ProcessGroup],
    harmless: true,
    expect: Expect::Exactly(|_| Seen::one("this process", Act::saw(1)).and("PID 1", Act::saw(1))),
    attempt: |_| {
        let of_pid_1 = getpgid(Some(Pid::from_raw(1))).map_or_else(Act::errno, Act::saw);
        Seen::one("this process", Act::saw(getpgrp())).and("PID 1", of_pid_1)
    },
    also_as_root: true,
    ..Probe::USUAL
};
