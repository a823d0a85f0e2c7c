//! A PID is a number that can be guessed.   (threats: PROC-02)
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it signal a process of the host by its number?",
    threats: &["PROC-02"],
    behind: &[Guard::PidNamespace, Guard::SignalScope],
    harmless: true,
    walls: true,
    needs: &[Need::LandlockScopes],
    expect: Expect::Refused(Errno::ESRCH),
    attempt: |bait| {
        let neighbour = Pid::from_raw(bait.neighbour.pid);
        Seen::one("kill(2)", Act::of_nix(kill(neighbour, Signal::SIGURG)))
    },
    harmed: signalled,
    ..Probe::USUAL
};

/// Whether the neighbour got a signal beside the one of the proof. It may still be on its way.
pub(super) fn signalled(bait: &Bait) -> Option<String> {
    std::thread::sleep(std::time::Duration::from_millis(50));
    (bait.signals_heard() > 1).then(|| "the neighbour got the signal".to_owned())
}
