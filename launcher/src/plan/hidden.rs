//! Owns the steps that make what `--hide` names unreadable (FS-J).
//!
//! A rename of a folder takes the mounts below it along, so what is hidden stays hidden in this session; the next one would look
//! for it at its old place. So each folder between it and the writable mount is mounted over itself: a mount cannot be renamed
//! or removed (rename(2), EBUSY).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Action, Steps};
use crate::config::{Config, Hide};
use crate::guard::Guard;
use crate::text::Text;

pub(super) fn add(steps: &mut Steps, config: &Config) {
    // Parents before children.
    let mut over: BTreeMap<PathBuf, Option<&Hide>> = BTreeMap::new();
    for hide in config.hidden.iter().filter(|hide| steps.shows(&hide.path)) {
        over.insert(hide.path.path().to_owned(), Some(hide));
        let Some(base) = base(steps, hide.path.path()) else {
            continue;
        };
        for folder in hide.path.path().ancestors().skip(1) {
            if folder == base {
                break;
            }
            over.entry(folder.to_owned()).or_insert(None);
        }
    }
    for (at, hide) in over {
        let at = Text::from(at);
        let guard = Guard::ProjectSecretsHidden;
        match hide {
            Some(hide) => {
                let folder = hide.folder;
                let action = Action::Hide { at, folder };
                steps.add_for(hide.origin.clone(), guard, action, hide.why.clone());
            }
            None => {
                let from = at.clone();
                let writable = true;
                let action = Action::Bind { from, at, writable };
                steps.add(
                    guard,
                    action,
                    "what is hidden lies in it: it stays in its place",
                );
            }
        }
    }
}

/// The writable mount of the host that `at` lies in; `None` where it is read-only there.
fn base(steps: &Steps, at: &Path) -> Option<PathBuf> {
    let of_host = steps.0.iter().filter_map(|step| match &step.action {
        Action::Bind { at, writable, .. } => Some((at.path(), *writable)),
        _ => None,
    });
    let around = of_host.filter(|(mount, _)| at.starts_with(mount));
    let (mount, writable) = around.max_by_key(|(mount, _)| mount.components().count())?;
    writable.then(|| mount.to_owned())
}
