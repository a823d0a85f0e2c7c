//! Started by uid 0, bwrap leaves the command every capability (M-04).   (threats: KRN-01, PROC-13)
use std::fs;

use crate::harness::inside::in_child;
use crate::probe::*;

/// A field of /proc/self/status.
pub(crate) fn status(field: &str) -> Act {
    let status = match fs::read_to_string("/proc/self/status") {
        Ok(status) => status,
        Err(error) => return Act::of::<()>(Err(error)),
    };
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(":\t"));
    value.map_or_else(
        || Act::Broken(format!("no {field} in /proc/self/status")),
        Act::saw,
    )
}

const SETS: [&str; 5] = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];

pub const PROBE: Probe = Probe {
    asks: "has it any capability, in any set?",
    threats: &["KRN-01", "PROC-13"],
    behind: &[Guard::NoCapabilities],
    harmless: true,
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        let sets = SETS
            .into_iter()
            .flat_map(|set| [set.to_owned(), format!("{set} of a child")]);
        Seen::each(sets, |_| Act::saw("0000000000000000"))
    }),
    attempt: |_| {
        let mut seen = Seen::each(SETS, |set| status(set));
        for set in SETS {
            seen.add(format!("{set} of a child"), in_child(|| status(set)));
        }
        seen
    },
    ..Probe::USUAL
};
