//! Owns removing an instance: held alone, by descriptors, never through a link, never into something that is mounted there.
//!
//! A session may have left folders as deep as it liked. So each folder below the first is moved up before it is emptied: neither the
//! stack nor the number of descriptors grows with the depth.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use rustix::fs::{RenameFlags, renameat_with};

use super::folder::{Folder, Privacy, errno_of, kind, look, names, open_in};
use super::{InstanceError, Keep, LOCK, PROJECTS, key};
use crate::text::Text;

/// What an instance is called while it is removed: whatever ended that, the next `gc` goes on.
pub(super) const REMOVED: &str = ".removed-";

/// Removes the instance of `keep`. Whether there was one.
///
/// # Errors
/// Where a session runs in it, something is mounted in it, or the kernel refuses.
pub fn reset(keep: &Keep) -> Result<bool, InstanceError> {
    let Some(own) = Folder::own(&keep.home, false)? else {
        return Ok(false);
    };
    let Some(projects) = own.enter(OsStr::new(PROJECTS), Privacy::Own)? else {
        return Ok(false);
    };
    let key = key(&keep.root);
    let Some(instance) = projects.enter(OsStr::new(&key), Privacy::Own)? else {
        return Ok(false);
    };
    match alone(&projects, OsStr::new(&key), &instance)? {
        Some(lock) => remove(&projects, OsStr::new(&key), &lock).map(|()| true),
        None => Err(InstanceError::Live),
    }
}

/// Holds `instance` alone; `None` where a session runs in it, or it has just been removed.
pub(super) fn alone(
    projects: &Folder,
    name: &OsStr,
    instance: &Folder,
) -> Result<Option<Flock<File>>, InstanceError> {
    let lock = instance.file(LOCK, true)?;
    let lock = lock.and_then(|lock| Flock::lock(lock, FlockArg::LockExclusiveNonblock).ok());
    Ok(lock.filter(|_| projects.holds(name, instance).unwrap_or(false)))
}

/// Removes the folder `name` in `projects`, which is held alone.
pub(super) fn remove(
    projects: &Folder,
    name: &OsStr,
    _held: &Flock<File>,
) -> Result<(), InstanceError> {
    let path = projects.path.join(name);
    if let Some(at) = mounted_in(&path)? {
        return Err(InstanceError::Mounted { at });
    }
    let mut gone = OsString::from(REMOVED);
    gone.push(name);
    gone.push(format!("-{}", std::process::id()));
    renameat_with(
        &projects.fd,
        name,
        &projects.fd,
        gone.as_os_str(),
        RenameFlags::NOREPLACE,
    )
    .map_err(errno_of)
    .map_err(failed("remove", &path))?;
    finish(projects, &gone)
}

/// Removes what an earlier removal left.
pub(super) fn finish(projects: &Folder, name: &OsStr) -> Result<(), InstanceError> {
    let path = projects.path.join(name);
    if let Some(at) = mounted_in(&path)? {
        return Err(InstanceError::Mounted { at });
    }
    empty(projects, name).map_err(failed("remove", &path))?;
    unlinkat(&projects.fd, name, UnlinkatFlags::RemoveDir).map_err(failed("remove", &path))
}

fn failed(what: &'static str, path: &Text) -> impl FnOnce(Errno) -> InstanceError {
    let path = path.clone();
    move |errno| InstanceError::Act {
        what,
        path,
        source: errno.into(),
    }
}

/// The folder `name` in `folder`. Its owner may have taken every right from it.
fn enter(folder: &impl AsFd, name: &OsStr) -> Result<Dir, Errno> {
    match open_in(folder, name) {
        Err(Errno::EACCES) => {
            fchmodat(folder, name, Mode::S_IRWXU, FchmodatFlags::NoFollowSymlink)?;
            open_in(folder, name)
        }
        opened => opened,
    }
}

/// Empties the folder `name` in `projects`.
fn empty(projects: &Folder, name: &OsStr) -> Result<(), Errno> {
    let mut top = enter(&projects.fd, name)?;
    let mut moved = 0_u64;
    loop {
        let left = names(&mut top)?;
        if left.is_empty() {
            return Ok(());
        }
        for one in left {
            let one = one.as_os_str();
            if !is_folder(&top, one)? {
                unlinkat(&top, one, UnlinkatFlags::NoRemoveDir)?;
                continue;
            }
            let mut folder = enter(&top, one)?;
            // Nothing can be taken out of a folder that cannot be written.
            fchmodat(&top, one, Mode::S_IRWXU, FchmodatFlags::NoFollowSymlink)?;
            for inner in names(&mut folder)? {
                let inner = inner.as_os_str();
                if !is_folder(&folder, inner)? {
                    unlinkat(&folder, inner, UnlinkatFlags::NoRemoveDir)?;
                    continue;
                }
                // A folder that moves is written itself: `..` changes.
                fchmodat(
                    &folder,
                    inner,
                    Mode::S_IRWXU,
                    FchmodatFlags::NoFollowSymlink,
                )?;
                loop {
                    moved += 1;
                    let up = format!("{REMOVED}{moved}");
                    match renameat_with(&folder, inner, &top, up.as_str(), RenameFlags::NOREPLACE) {
                        Ok(()) => break,
                        Err(rustix::io::Errno::EXIST) => {}
                        Err(errno) => return Err(errno_of(errno)),
                    }
                }
            }
            unlinkat(&top, one, UnlinkatFlags::RemoveDir)?;
        }
    }
}

fn is_folder(folder: &impl AsFd, name: &OsStr) -> Result<bool, Errno> {
    Ok(look(folder, name)?.is_some_and(|stat| kind(&stat) == "a folder"))
}

/// The first mount at `folder` or in it (proc(5), mountinfo).
fn mounted_in(folder: &Text) -> Result<Option<Text>, InstanceError> {
    let list = "/proc/self/mountinfo";
    let unread = |source: std::io::Error| InstanceError::Act {
        what: "read",
        path: list.into(),
        source,
    };
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let fd = nix::fcntl::open(list, flags, Mode::empty()).map_err(|errno| unread(errno.into()))?;
    let mut mounts = Vec::new();
    File::from(fd).read_to_end(&mut mounts).map_err(unread)?;
    let places = mounts
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    let places = places.map(Text::of_proc);
    let mut inside = places.filter(|place| place.path().starts_with(folder.path()));
    Ok(inside.next())
}
