//! Owns what is said of all instances, and which of them `gc` removes: those whose root is gone, and in which nothing runs.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, Flock, FlockArg};
use nix::sys::stat::fstatat;
use serde::Serialize;

use super::folder::{Folder, Privacy, kind, look, names, open_in};
use super::remove::{self, REMOVED};
use super::{InstanceError, LOCK, PROJECTS, ROOT, is_key, key};
use crate::text::Text;

/// The largest `project-root`.
const MOST_ROOT: u64 = 64 * 1024;
/// The most names that are counted of one instance.
const MOST_NAMES: u64 = 1_000_000;
/// Folders in which disks come and go: a root there may be back tomorrow.
const DISKS: [&str; 3] = ["/media", "/run/media", "/mnt"];

/// What is said of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Instance {
    /// Its folder.
    pub folder: Text,
    /// Whose it is; `None` where that cannot be read.
    pub root: Option<Text>,
    /// What it takes of the disk, in bytes.
    pub bytes: u64,
    /// Whether that is all, or the count was given up.
    pub counted: bool,
    /// When a session was last started in it, in seconds since 1970.
    pub last_used: Option<i64>,
    /// Whether a session runs in it.
    pub live: bool,
    /// What `gc` does with it.
    pub gc: Verdict,
}

/// What `gc` does with an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict", content = "why")]
pub enum Verdict {
    /// Its root is there.
    Kept,
    /// Its root is gone: it is removed, or would be.
    Gone,
    /// It was removed.
    Removed,
    /// It stays although its root is not there, for this reason.
    Left(String),
}

/// The instances of `home`, by the name of their folder.
///
/// # Errors
/// Where their folder is not what it should be.
pub fn all(home: &Text) -> Result<Vec<Instance>, InstanceError> {
    each(home, |_, _, _| None)
}

/// Removes those whose root is gone, unless `dry`.
///
/// # Errors
/// Where their folder is not what it should be. What goes wrong with one is said of that one.
pub fn collect(home: &Text, dry: bool) -> Result<Vec<Instance>, InstanceError> {
    let collected = each(home, |projects, name, verdict| {
        if dry || *verdict != Verdict::Gone {
            return None;
        }
        Some(match gone(projects, name) {
            Ok(true) => Verdict::Removed,
            Ok(false) => Verdict::Left("a session has just started in it".into()),
            Err(error) => Verdict::Left(said(&error)),
        })
    })?;
    if !dry {
        tidy(home)?;
    }
    Ok(collected)
}

fn said(error: &InstanceError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}

/// Removes one whose root was gone a moment ago, if it still is.
fn gone(projects: &Folder, name: &OsStr) -> Result<bool, InstanceError> {
    let Some(instance) = projects.enter(name, Privacy::Own)? else {
        return Ok(false);
    };
    let Some(lock) = remove::alone(projects, name, &instance)? else {
        return Ok(false);
    };
    // Once more, as nobody can start in it any longer.
    if root(&instance, name)
        .ok()
        .is_none_or(|root| of_root(&root) != Verdict::Gone)
    {
        return Ok(false);
    }
    remove::remove(projects, name, &lock).map(|()| true)
}

/// What a `gc` or `reset` that was ended left half removed.
fn tidy(home: &Text) -> Result<(), InstanceError> {
    let Some(projects) = projects(home)? else {
        return Ok(());
    };
    for name in projects.names()? {
        if name.as_bytes().starts_with(REMOVED.as_bytes()) {
            remove::finish(&projects, &name)?;
        }
    }
    Ok(())
}

fn projects(home: &Text) -> Result<Option<Folder>, InstanceError> {
    match Folder::own(home, false)? {
        Some(own) => own.enter(OsStr::new(PROJECTS), Privacy::Own),
        None => Ok(None),
    }
}

fn each(
    home: &Text,
    act: impl Fn(&Folder, &OsStr, &Verdict) -> Option<Verdict>,
) -> Result<Vec<Instance>, InstanceError> {
    let Some(projects) = projects(home)? else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for name in projects.names()? {
        if !is_key(name.as_bytes()) {
            continue;
        }
        let mut one = match projects.enter(&name, Privacy::Own) {
            Ok(Some(instance)) => look_at(&instance, &name),
            Ok(None) => continue,
            // It is none of ours: said, and left alone.
            Err(error) => Instance {
                folder: projects.path.join(&name),
                root: None,
                bytes: 0,
                counted: false,
                last_used: None,
                live: false,
                gc: Verdict::Left(said(&error)),
            },
        };
        if let Some(verdict) = act(&projects, &name, &one.gc) {
            one.gc = verdict;
        }
        found.push(one);
    }
    Ok(found)
}

fn look_at(instance: &Folder, name: &OsStr) -> Instance {
    let (bytes, counted) = size(instance);
    let root = root(instance, name);
    let live = is_live(instance);
    let gc = match &root {
        Err(why) => Verdict::Left(why.clone()),
        Ok(root) => match of_root(root) {
            Verdict::Gone if live => Verdict::Left("a session runs in it".into()),
            verdict => verdict,
        },
    };
    Instance {
        folder: instance.path.clone(),
        root: root.ok(),
        bytes,
        counted,
        last_used: instance.look(LOCK).ok().flatten().map(|stat| stat.st_mtime),
        live,
        gc,
    }
}

/// Whose it is, if the name of its folder says the same.
fn root(instance: &Folder, name: &OsStr) -> Result<Text, String> {
    let content = instance
        .read(ROOT, MOST_ROOT)
        .map_err(|error| said(&error))?;
    let content = content.ok_or_else(|| format!("it has no {ROOT}"))?;
    let root = content
        .strip_suffix(b"\n")
        .ok_or_else(|| format!("its {ROOT} has no end"))?;
    let root = Text::from(OsStr::from_bytes(root));
    if *key(&root) != *name || !root.path().is_absolute() {
        return Err(format!("its {ROOT} names {root}, which has another key"));
    }
    Ok(root)
}

fn of_root(root: &Text) -> Verdict {
    match fstatat(AT_FDCWD, root.path(), AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(_) => Verdict::Kept,
        Err(Errno::ENOENT | Errno::ENOTDIR) => {
            match DISKS.iter().find(|disks| is_on_a_disk(root, disks)) {
                Some(disks) => Verdict::Left(format!("its disk may not be mounted in {disks}")),
                None => Verdict::Gone,
            }
        }
        Err(errno) => Verdict::Left(format!("{root}: {}", errno.desc())),
    }
}

/// Whether what is there of the way to `root` ends above or at where a disk would be.
fn is_on_a_disk(root: &Text, disks: &str) -> bool {
    let there = |path: &&Path| fstatat(AT_FDCWD, *path, AtFlags::AT_SYMLINK_NOFOLLOW).is_ok();
    let nearest = root
        .path()
        .ancestors()
        .find(there)
        .unwrap_or(Path::new("/"));
    let below = nearest
        .strip_prefix(disks)
        .map(|below| below.components().count());
    root.path().starts_with(disks) && below.is_ok_and(|below| below <= 2)
}

/// Whether a session holds it. It is not held for longer than the question takes.
fn is_live(instance: &Folder) -> bool {
    match instance.file(LOCK, false) {
        Ok(Some(lock)) => Flock::lock(lock, FlockArg::LockExclusiveNonblock).is_err(),
        Ok(None) | Err(_) => false,
    }
}

/// What it takes of the disk, links and mounts not followed; and whether that is all of it. No deeper than descriptors reach.
fn size(instance: &Folder) -> (u64, bool) {
    let (mut bytes, mut seen, mut whole) = (0, 0, true);
    let mut open_folders: Vec<(Dir, Vec<OsString>)> = Vec::new();
    let enter = |folder: &dyn Fn() -> Result<Dir, Errno>| -> Option<(Dir, Vec<OsString>)> {
        let mut dir = folder().ok()?;
        let names = names(&mut dir).ok()?;
        Some((dir, names))
    };
    let top = enter(&|| open_in(&instance.fd, OsStr::new(".")));
    whole &= top.is_some();
    open_folders.extend(top);
    while let Some((dir, names)) = open_folders.last_mut() {
        let Some(name) = names.pop() else {
            open_folders.pop();
            continue;
        };
        seen += 1;
        if seen > MOST_NAMES {
            return (bytes, false);
        }
        let Ok(Some(stat)) = look(dir, &name) else {
            continue;
        };
        bytes += u64::try_from(stat.st_blocks).unwrap_or(0) * 512;
        if kind(&stat) == "a folder" {
            let inner = enter(&|| open_in(dir, &name));
            whole &= inner.is_some() && open_folders.len() < 200;
            if open_folders.len() < 200 {
                open_folders.extend(inner);
            }
        }
    }
    (bytes, whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_not_there_is_no_root_that_is_gone() {
        assert!(is_on_a_disk(&"/mnt/nosuch/p".into(), "/mnt"));
        assert!(!is_on_a_disk(&"/nosuch/p".into(), "/mnt"));
    }
}
