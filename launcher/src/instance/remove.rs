//! Owns removing an instance: held alone, by descriptors, never through a link, never into something that is mounted there.
//!
//! A session may have left folders as deep as it liked. So each folder below the first is moved up before it is emptied: neither the
//! stack nor the number of descriptors grows with the depth.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use rustix::fs::{RenameFlags, renameat_with};

use super::folder::{Folder, Privacy, errno_of, kind, look};
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
    if let Some(at) = mounted_in(&path) {
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
    if let Some(at) = mounted_in(&path) {
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

/// The folder `name` in `folder`: no link, nothing that is mounted there.
fn enter(folder: &impl AsFd, name: &OsStr) -> Result<Dir, Errno> {
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
        .resolve(
            ResolveFlag::RESOLVE_BENEATH
                | ResolveFlag::RESOLVE_NO_SYMLINKS
                | ResolveFlag::RESOLVE_NO_XDEV,
        );
    let open = || openat2(folder, name, how);
    let fd = match open() {
        // Its owner may have taken every right from it.
        Err(Errno::EACCES) => {
            fchmodat(folder, name, Mode::S_IRWXU, FchmodatFlags::NoFollowSymlink)?;
            open()?
        }
        opened => opened?,
    };
    Dir::from_fd(fd)
}

fn names(dir: &mut Dir) -> Result<Vec<CString>, Errno> {
    let mut names = Vec::new();
    for entry in dir.iter() {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
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
            let one = OsStr::from_bytes(one.to_bytes());
            if !is_folder(&top, one)? {
                unlinkat(&top, one, UnlinkatFlags::NoRemoveDir)?;
                continue;
            }
            let mut folder = enter(&top, one)?;
            // Nothing can be taken out of a folder that cannot be written.
            fchmodat(&top, one, Mode::S_IRWXU, FchmodatFlags::NoFollowSymlink)?;
            for inner in names(&mut folder)? {
                let inner = OsStr::from_bytes(inner.to_bytes());
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
fn mounted_in(folder: &Text) -> Option<Text> {
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let fd = nix::fcntl::open("/proc/self/mountinfo", flags, Mode::empty()).ok()?;
    let mut mounts = Vec::new();
    File::from(fd).read_to_end(&mut mounts).ok()?;
    let places = mounts
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    let places = places.map(|place| Text::from(OsString::from_vec(unescaped(place))));
    let mut inside = places.filter(|place| place.path().starts_with(folder.path()));
    inside.next()
}

/// `\ooo` as proc(5) writes it.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut rest = field;
    while let Some((byte, after)) = rest.split_first() {
        let octal = after
            .get(..3)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let octal = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match octal.filter(|_| *byte == b'\\') {
            Some(code) => {
                plain.push(code);
                rest = &after[3..];
            }
            None => {
                plain.push(*byte);
                rest = after;
            }
        }
    }
    plain
}
