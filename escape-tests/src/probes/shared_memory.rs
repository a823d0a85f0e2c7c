//! System V shared memory has a number and no path: whoever knows the number attaches it.   (threats: SOCK-20)
use crate::harness::trial;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it attach shared memory of the host?",
    threats: &["SOCK-20"],
    behind: &[Guard::IpcNamespace],
    also_as_root: true,
    harmless: true,
    expect: Expect::Refused(Errno::EINVAL),
    attempt: |bait| {
        let act = trial::shared_memory(bait);
        Seen::one("shmat(2)", act.map_or_else(|act| act, |()| Act::Reached))
    },
    ..Probe::USUAL
};
