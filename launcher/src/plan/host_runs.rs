//! Owns the steps that keep the agent from leaving something for the host to run (FS-I).
//!
//! What is there is mounted over itself, read-only. A rename of a folder takes the mounts below it along, and another folder can
//! then be made in its place; a folder that is a mount itself cannot be renamed or removed (rename(2), EBUSY). So each folder
//! between what is guarded and the writable mount is mounted over itself too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Action, Steps};
use crate::facts::{Facts, HostGuard};
use crate::guard::Guard;
use crate::text::Text;

/// Why a folder is mounted over itself.
const PINNED: &str = "what the host runs lies in it: it stays in its place";

pub(super) fn add(steps: &mut Steps, facts: &Facts) {
    let root = &facts.project.root;
    // Parents before children.
    let mut mounts: BTreeMap<PathBuf, (bool, String)> = BTreeMap::new();
    for run in &facts.project.host_runs {
        let writable = match run.guard {
            HostGuard::ReadOnly => false,
            HostGuard::Reopened => true,
            HostGuard::Open | HostGuard::Left(_) => continue,
        };
        let at = root.join(&run.path).path().to_owned();
        let why = if writable {
            "a git folder that can be written, but for what git runs in it".to_owned()
        } else {
            format!("run by {}", run.by)
        };
        if base(steps, &at).is_some() {
            mounts.insert(at, (writable, why));
        }
    }
    let guarded: Vec<PathBuf> = mounts.keys().cloned().collect();
    for at in guarded {
        let Some(base) = base(steps, &at) else {
            continue;
        };
        let folders = at.ancestors().skip(1).take_while(|folder| *folder != base);
        for folder in folders {
            if !below_read_only(&mounts, folder) {
                let pinned = || (true, PINNED.to_owned());
                mounts.entry(folder.to_owned()).or_insert_with(pinned);
            }
        }
    }
    for (at, (writable, why)) in mounts {
        let at = Text::from(at);
        let action = Action::Bind {
            from: at.clone(),
            at,
            writable,
        };
        steps.add(Guard::HostRunGuarded, action, why);
    }
}

/// The writable mount of the host that `at` lies in; `None` where it is not seen, is read-only, or is that mount itself.
fn base(steps: &Steps, at: &Path) -> Option<PathBuf> {
    let of_host = steps.0.iter().filter_map(|step| match &step.action {
        Action::Bind {
            from, at, writable, ..
        } if from == at => Some((at.path(), *writable)),
        _ => None,
    });
    let around = of_host.filter(|(mount, _)| at.starts_with(mount));
    let (mount, writable) = around.max_by_key(|(mount, _)| mount.components().count())?;
    (writable && mount != at).then(|| mount.to_owned())
}

/// Whether the lowest of `mounts` around `folder` is read-only: then nothing in it can be moved.
fn below_read_only(mounts: &BTreeMap<PathBuf, (bool, String)>, folder: &Path) -> bool {
    let around = folder.ancestors().find_map(|above| mounts.get(above));
    around.is_some_and(|(writable, _)| !writable)
}
