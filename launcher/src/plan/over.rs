//! Owns the steps over what the session could write: what the host runs is read-only (FS-I), what `--hide` names is unreadable
//! (FS-J).
//!
//! A rename of a folder takes the mounts below it along, and another folder can then be made in its place, or the next session
//! looks for it there in vain; a folder that is a mount itself cannot be renamed or removed (rename(2), EBUSY). So each folder
//! between and the writable mount is mounted over itself too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Action, Steps};
use crate::config::{Config, Origin};
use crate::facts::{Facts, Git, HostGuard, HostRun};
use crate::guard::Guard;
use crate::text::Text;

/// The guards that these steps serve.
pub(super) fn guards() -> [Guard; 2] {
    [Guard::HostRunGuarded, Guard::ProjectSecretsHidden]
}

/// Something that is mounted over what is there.
struct Mount {
    kind: Kind,
    guard: Guard,
    why: String,
    origin: Origin,
}

/// How.
#[derive(PartialEq, Eq)]
enum Kind {
    /// The same, read-only.
    ReadOnly,
    /// This content, read-only.
    Instead(Text),
    /// The same, as it was.
    Same,
    /// Nothing: an empty folder, or an empty file.
    Hidden { folder: bool },
}

/// By place, so that parents come before children.
type Mounts = BTreeMap<PathBuf, Mount>;

pub(super) fn add(steps: &mut Steps, config: &Config, facts: &Facts) {
    let mut mounts = Mounts::new();
    host_runs(&mut mounts, steps, facts);
    hidden(&mut mounts, steps, config);
    let wanted: Vec<(PathBuf, Guard)> = mounts
        .iter()
        .map(|(at, mount)| (at.clone(), mount.guard))
        .collect();
    for (at, guard) in wanted {
        pin(&mut mounts, steps, &at, guard);
    }
    for (at, mount) in mounts {
        let at = Text::from(at);
        let action = match mount.kind {
            Kind::Hidden { folder } => Action::Hide { at, folder },
            Kind::Instead(content) => Action::Replace { at, content },
            kind @ (Kind::ReadOnly | Kind::Same) => Action::Bind {
                from: at.clone(),
                at,
                writable: kind == Kind::Same,
            },
        };
        steps.add_for(mount.origin, mount.guard, action, mount.why);
    }
}

fn host_runs(mounts: &mut Mounts, steps: &Steps, facts: &Facts) {
    for run in &facts.project.host_runs {
        let (kind, why) = match run.guard {
            HostGuard::ReadOnly => match &run.instead {
                Some(content) => {
                    let why = format!(
                        "run by {}; without core.worktree, which git would write",
                        run.by
                    );
                    (Kind::Instead(content.clone()), why)
                }
                None => (Kind::ReadOnly, format!("run by {}", run.by)),
            },
            HostGuard::Reopened => {
                let why = "a git folder that can be written, but for what git runs in it";
                (Kind::Same, why.to_owned())
            }
            HostGuard::Open | HostGuard::Left(_) | HostGuard::Hidden => continue,
        };
        let at = facts.project.root.join(&run.path).path().to_owned();
        if base(steps, &at).is_some() {
            let guard = Guard::HostRunGuarded;
            let origin = Origin::Generated;
            mounts.insert(
                at,
                Mount {
                    kind,
                    guard,
                    why,
                    origin,
                },
            );
        }
    }
}

/// What the host runs, as a person is told of it: what is hidden cannot be written, whatever its guard would be.
pub(super) fn told(steps: &Steps, facts: &Facts) -> Vec<HostRun> {
    let is_hidden = |run: &HostRun| {
        let at = facts.project.root.join(&run.path);
        steps.0.iter().any(|step| match &step.action {
            Action::Hide { at: hidden, .. } => at.path().starts_with(hidden),
            _ => false,
        })
    };
    let mut runs = facts.project.host_runs.clone();
    // Of a git folder that stays outside nothing is told.
    if let Git::Left(_) = facts.project.git {
        runs.retain(|run| !run.path.path().is_absolute() || steps.shows(&run.path));
    }
    for run in runs.iter_mut().filter(|run| is_hidden(run)) {
        run.guard = HostGuard::Hidden;
    }
    runs
}

/// What is hidden takes the place of all below it.
fn hidden(mounts: &mut Mounts, steps: &Steps, config: &Config) {
    for hide in config.hidden.iter().filter(|hide| steps.shows(&hide.path)) {
        let at = hide.path.path();
        mounts.retain(|below, _| !below.starts_with(at));
        let mount = Mount {
            kind: Kind::Hidden {
                folder: hide.folder,
            },
            guard: Guard::ProjectSecretsHidden,
            why: hide.why.clone(),
            origin: hide.origin.clone(),
        };
        mounts.insert(at.to_owned(), mount);
    }
}

/// Keeps `at` in its place.
fn pin(mounts: &mut Mounts, steps: &Steps, at: &Path, guard: Guard) {
    let Some(base) = base(steps, at) else {
        return;
    };
    let folders = at.ancestors().skip(1).take_while(|folder| *folder != base);
    for folder in folders {
        if below_read_only(mounts, folder) {
            continue;
        }
        mounts.entry(folder.to_owned()).or_insert_with(|| Mount {
            kind: Kind::Same,
            guard,
            why: match guard {
                Guard::ProjectSecretsHidden => "what is hidden lies in it: it stays in its place",
                _ => "what the host runs lies in it: it stays in its place",
            }
            .to_owned(),
            origin: Origin::Generated,
        });
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
fn below_read_only(mounts: &Mounts, folder: &Path) -> bool {
    let around = folder.ancestors().find_map(|above| mounts.get(above));
    around.is_some_and(|mount| mount.kind != Kind::Same)
}
