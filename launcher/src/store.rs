//! Owns writing files on the host, claudebox's own and the report of a session: whole or not at all, readable for their owner
//! alone.
#![expect(
    clippy::disallowed_methods,
    reason = "store is the one that writes claudebox's own files"
)]

mod update;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2, renameat};
use nix::sys::stat::{Mode, SFlag, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};

pub use self::update::update;
use crate::text::Text;

/// A name in a folder that is held, so that nothing leads elsewhere between the look at it and the writing.
#[derive(Debug)]
pub struct Place {
    folder: OwnedFd,
    name: OsString,
}

impl Place {
    /// Holds `folder`, which is reached through no link. What lies at `name` in it may be a file, or nothing.
    ///
    /// # Errors
    /// As the kernel gives them, and where a link, a folder or no file is there.
    pub fn hold(folder: &Text, name: &Text) -> io::Result<Self> {
        let how = OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
        let folder = openat2(AT_FDCWD, folder.path(), how)?;
        match fstatat(&folder, name.path(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) if stat.st_mode & SFlag::S_IFMT.bits() != SFlag::S_IFREG.bits() => {
                return Err(io::Error::other(
                    "a link, or something that is no file, is there",
                ));
            }
            Ok(_) | Err(Errno::ENOENT) => {}
            Err(error) => return Err(error.into()),
        }
        let name = name.clone().into();
        Ok(Self { folder, name })
    }

    /// Puts `content` there by a new file and a rename.
    ///
    /// # Errors
    /// As the kernel gives them; the old content is then untouched.
    pub fn put(&self, content: &[u8]) -> io::Result<()> {
        replace(&self.folder, &self.name, content)
    }
}

/// Puts `content` at `name` in `folder` by a new file and a rename.
///
/// # Errors
/// As the kernel gives them; the old content is then untouched.
pub(crate) fn replace(folder: &impl AsFd, name: &OsStr, content: &[u8]) -> io::Result<()> {
    // A name that no session can know before: a folder of that name would be in the way.
    let random = RandomState::new().build_hasher().finish();
    let mut new = OsString::from(".");
    new.push(name);
    new.push(format!(".{random:016x}.new"));
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
    let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    let mut file = File::from(openat(folder, new.as_os_str(), flags, mode)?);
    let written = file
        .write_all(content)
        .and_then(|()| file.sync_all())
        .and_then(|()| Ok(renameat(folder, new.as_os_str(), folder, name)?));
    if written.is_err() {
        let _ = unlinkat(folder, new.as_os_str(), UnlinkatFlags::NoRemoveDir);
    }
    written
}
