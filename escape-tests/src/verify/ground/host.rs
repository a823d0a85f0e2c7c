//! Owns what of this host an attack would go for, by name, and what it meets by right: read from the plan and from folders,
//! and from no file.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use claudebox::config::Origin;
use claudebox::guard::Guard;
use claudebox::place::SECRET_IN_HOME;
use claudebox::plan::{Action, Plan};

/// Places that the plan makes or shows.
fn places(plan: &Plan) -> impl Iterator<Item = &Path> {
    plan.steps
        .iter()
        .filter_map(|step| Some(step.action.place()?.path()))
}

/// Whether anything is at `path` inside that is more than an empty folder of the sandbox's own.
fn met(plan: &Plan, path: &Path) -> bool {
    places(plan).any(|place| place.starts_with(path))
        || plan.binds().any(|(_, at, ..)| path.starts_with(at.path()))
}

/// Secrets of the person's own, of the list that the launcher refuses grants by. Nothing that reading would change.
pub(super) fn existing_secrets(plan: &Plan, home: &Path) -> Vec<PathBuf> {
    SECRET_IN_HOME
        .iter()
        .map(|(place, _)| home.join(place))
        .filter(|path| readable(path) && !met(plan, path))
        .collect()
}

/// File systems that may wait for another machine, or for a program, for as long as they like.
const SLOW: [&str; 9] = [
    "9p", "afs", "autofs", "ceph", "cifs", "fuse", "nfs", "smb", "virtiofs",
];

/// Where such a one is mounted (proc(5), mountinfo).
fn slow_places() -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let place = |line: &str| {
        let (mount, file_system) = line.split_once(" - ")?;
        let slow = SLOW.iter().any(|name| file_system.starts_with(name));
        slow.then(|| mount.split(' ').nth(4).map(PathBuf::from))?
    };
    table.lines().filter_map(place).collect()
}

/// Folders of the host that nobody listed: at the top, and in two that are made anew inside.
pub(super) fn host_folders(plan: &Plan) -> Vec<PathBuf> {
    let slow = slow_places();
    let tops = ["/", "/var", "/run"].into_iter().map(fs::read_dir);
    let mut folders: Vec<PathBuf> = tops
        .flatten()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .filter(|path| !slow.contains(path) && readable(path) && !met(plan, path))
        .collect();
    folders.sort();
    folders
}

/// A file or a folder that this user can open: what is neither might take a read for more than that.
fn readable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() || found.is_dir())
        && File::open(path).is_ok()
}

/// What is shown because somebody asked, and for the project.
pub(super) fn shown(plan: &Plan) -> Vec<PathBuf> {
    plan.binds()
        .filter(|(.., step)| step.guard == Guard::ProjectOnly || step.origin != Origin::Generated)
        .map(|(_, at, ..)| at.path().to_owned())
        .collect()
}

/// The uid inside, where `uid` starts the launcher.
pub(super) fn inside_uid(plan: &Plan, uid: u32) -> u32 {
    let be = plan.steps.iter().find_map(|step| match step.action {
        Action::BeUser { uid, .. } => Some(uid),
        _ => None,
    });
    be.unwrap_or(uid)
}
