//! Owns the fence (landlock(7)): what the mounts of the plan let through, said once more for PID 1 to enforce. A list of its
//! own: a mount that is wrong, or one too many, meets it.

use std::collections::BTreeMap;

use super::{Action, Steps};
use crate::facts::Facts;
use crate::guard::Guard;
use crate::init::{ABI_OF_DEVICES, ABI_OF_FILES, May, Place};
use crate::text::Text;

/// What a terminal is reached by; the streams themselves are PID 1's to add.
const TERMINALS: [&str; 3] = ["/dev/console", "/dev/pts", "/dev/tty"];

/// The fence for the mounts of `steps`, as far as this kernel has it.
pub(super) fn add(steps: &mut Steps, facts: &Facts) {
    let abi = facts.host.kernel.landlock_abi;
    if abi < ABI_OF_FILES {
        return;
    }
    let places = places(steps, facts);
    let why = if abi == ABI_OF_FILES {
        "a second wall behind the mounts; ABI 2 lets what can be read be truncated"
    } else {
        "a second wall behind the mounts"
    };
    steps.add(
        Guard::LandlockFiles,
        Action::FenceFiles { abi, places },
        why,
    );
    if abi >= ABI_OF_DEVICES {
        steps.add(
            Guard::LandlockDevices,
            Action::FenceDevices {
                terminals: TERMINALS.map(Text::from).into(),
            },
            "ioctl(2) reaches a driver by any descriptor, read-only or not",
        );
    }
}

/// The places that are mounted or made, from the root down; what one above allows already is left out.
fn places(steps: &Steps, facts: &Facts) -> Vec<Place> {
    // Folders on the way are listed, and nothing else of what lies at the root.
    let mut all: BTreeMap<Text, May> = [("/".into(), May::List)].into();
    for step in &steps.0 {
        match &step.action {
            Action::Bind { at, writable, .. } => {
                let may = if *writable { May::Write } else { May::Read };
                all.insert(at.clone(), may);
            }
            Action::Tmpfs { at, .. } => _ = all.insert(at.clone(), May::Write),
            // Sealed where uid 0 started it.
            Action::Proc { at } if facts.user.uid == 0 => _ = all.insert(at.clone(), May::Read),
            Action::Proc { at } | Action::Dev { at } => _ = all.insert(at.clone(), May::Use),
            // By its folder, so that the list is not longer for many files.
            Action::File { at, .. } | Action::Copy { at, .. } => {
                if let Some(folder) = at.path().parent() {
                    all.entry(folder.into()).or_insert(May::Read);
                }
            }
            _ => {}
        }
    }
    let above = |at: &Text, may: May| {
        let mut above = at.path().ancestors().skip(1).map(Text::from);
        above.any(|above| all.get(&above).is_some_and(|given| given.covers(may)))
    };
    all.iter()
        .filter(|(at, may)| !above(at, **may))
        .map(|(at, may)| Place {
            at: at.clone(),
            may: *may,
        })
        .collect()
}
