//! Owns how claudebox's own folders are opened and made: by descriptor, never through a link, and only where they are the caller's
//! and nobody else can write them.

mod listed;
mod of_user;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use rustix::fs::{RenameFlags, renameat_with};

pub(super) use self::listed::{names, open_in};
use super::InstanceError;
use crate::store;
use crate::text::Text;

/// A folder that is held.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) fd: OwnedFd,
    pub(super) path: Text,
}

/// Whether others may read what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Privacy {
    /// Nobody but the caller.
    Own,
    /// Others may look, nobody else may write.
    Looked,
    /// A group may write.
    Shared,
}

const OPEN: OFlag = OFlag::O_RDONLY
    .union(OFlag::O_DIRECTORY)
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC);

fn act(what: &'static str, path: &Text) -> impl FnOnce(Errno) -> InstanceError {
    let path = path.clone();
    move |errno| InstanceError::Act {
        what,
        path,
        source: errno.into(),
    }
}

/// Device and inode.
pub(super) fn identity(stat: &FileStat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

/// The kind of a file, in words.
pub(super) fn kind(stat: &FileStat) -> &'static str {
    match SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits()) {
        SFlag::S_IFDIR => "a folder",
        SFlag::S_IFREG => "a file",
        SFlag::S_IFLNK => "a symbolic link",
        SFlag::S_IFIFO => "a FIFO",
        SFlag::S_IFSOCK => "a socket",
        _ => "a device",
    }
}

/// `None` where nothing is there.
pub(super) fn look(folder: &impl AsFd, name: &OsStr) -> Result<Option<FileStat>, Errno> {
    match fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

impl Folder {
    /// claudebox's own folder, which is reached through no link; made where it is missing if `make`. `None` where it is missing.
    pub(super) fn own(path: &Text, make: bool) -> Result<Option<Self>, InstanceError> {
        let mut missing = Vec::new();
        let mut above = path.path();
        let how = || {
            OpenHow::new()
                .flags(OPEN)
                .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS)
        };
        let fd = loop {
            match openat2(AT_FDCWD, above, how()) {
                Ok(fd) => break fd,
                Err(Errno::ENOENT) => match (above.file_name(), above.parent()) {
                    (Some(name), Some(parent)) if make => {
                        missing.push(name.to_owned());
                        above = parent;
                    }
                    _ => return Ok(None),
                },
                Err(errno) => return Err(act("open", &above.into())(errno)),
            }
        };
        let mut folder = Self {
            fd,
            path: above.into(),
        };
        let made = !missing.is_empty();
        while let Some(name) = missing.pop() {
            folder = folder.child(&name, Privacy::Looked)?;
        }
        if !made {
            folder.be_own(Privacy::Looked)?;
        }
        Ok(Some(folder))
    }

    /// The folder `name` in it, made where it is missing.
    pub(super) fn child(
        &self,
        name: impl AsRef<OsStr>,
        privacy: Privacy,
    ) -> Result<Self, InstanceError> {
        let path = self.path.join(name.as_ref());
        match mkdirat(&self.fd, name.as_ref(), Mode::S_IRWXU) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(act("make", &path)(errno)),
        }
        match self.enter(name.as_ref(), privacy)? {
            Some(folder) => Ok(folder),
            None => Err(act("open", &path)(Errno::ENOENT)),
        }
    }

    /// The folder `name` in it; `None` where it is missing.
    pub(super) fn enter(
        &self,
        name: &OsStr,
        privacy: Privacy,
    ) -> Result<Option<Self>, InstanceError> {
        let path = self.path.join(name);
        match openat(&self.fd, name, OPEN, Mode::empty()) {
            Ok(fd) => {
                let folder = Self { fd, path };
                folder.be_own(privacy)?;
                Ok(Some(folder))
            }
            Err(Errno::ENOENT) => Ok(None),
            Err(errno @ (Errno::ELOOP | Errno::ENOTDIR)) => {
                let what = look(&self.fd, name)
                    .ok()
                    .flatten()
                    .map(|stat| kind(&stat).to_owned());
                let what = what.unwrap_or_else(|| errno.desc().to_owned());
                Err(InstanceError::Odd {
                    path,
                    what: format!("{what}, and should be a folder"),
                })
            }
            Err(errno) => Err(act("open", &path)(errno)),
        }
    }

    fn be_own(&self, privacy: Privacy) -> Result<(), InstanceError> {
        let stat = fstat(&self.fd).map_err(act("look at", &self.path))?;
        self.judge(&stat, &self.path, privacy)
    }

    fn judge(&self, stat: &FileStat, path: &Text, privacy: Privacy) -> Result<(), InstanceError> {
        let own = nix::unistd::geteuid().as_raw();
        if stat.st_uid != own {
            return Err(InstanceError::Open {
                path: path.clone(),
                why: format!("belongs to uid {}", stat.st_uid),
                hint: "it must be yours: move it away, or set CLAUDEBOX_HOME to a folder of yours"
                    .into(),
            });
        }
        let (bits, mode) = match privacy {
            Privacy::Own => (0o077, "go-rwx"),
            Privacy::Looked => (0o022, "go-w"),
            Privacy::Shared => (0o002, "o-w"),
        };
        if stat.st_mode & bits != 0 {
            return Err(InstanceError::Open {
                path: path.clone(),
                why: format!("is open to others (mode {:04o})", stat.st_mode & 0o7777),
                hint: format!("look whether others changed it, then: chmod {mode} {path}"),
            });
        }
        Ok(())
    }

    /// What lies at `name`, links not followed; `None` where nothing does.
    pub(super) fn look(&self, name: impl AsRef<OsStr>) -> Result<Option<FileStat>, InstanceError> {
        let name = name.as_ref();
        look(&self.fd, name).map_err(act("look at", &self.path.join(name)))
    }

    /// Whether `other` is still what lies at `name`.
    pub(super) fn holds(&self, name: &OsStr, other: &Self) -> Result<bool, InstanceError> {
        let held = fstat(&other.fd).map_err(act("look at", &other.path))?;
        Ok(self
            .look(name)?
            .is_some_and(|stat| identity(&stat) == identity(&held)))
    }

    /// The regular file `name`, which is the caller's and nobody else's to write, opened without waiting; made where it is missing
    /// if `make`.
    pub(super) fn file(
        &self,
        name: impl AsRef<OsStr>,
        make: bool,
    ) -> Result<Option<File>, InstanceError> {
        let name = name.as_ref();
        let Some((file, stat)) = self.any_file(name, make)? else {
            return Ok(None);
        };
        self.judge(&stat, &self.path.join(name), Privacy::Looked)?;
        Ok(Some(file))
    }

    /// The same, whatever its mode is: what a session made, in a folder that nobody else can enter.
    fn any_file(
        &self,
        name: &OsStr,
        make: bool,
    ) -> Result<Option<(File, FileStat)>, InstanceError> {
        let path = self.path.join(name);
        let base = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let flags = if make {
            base | OFlag::O_RDWR | OFlag::O_CREAT
        } else {
            base | OFlag::O_RDONLY
        };
        let fd = match openat(&self.fd, name, flags, Mode::S_IRUSR | Mode::S_IWUSR) {
            Ok(fd) => fd,
            Err(Errno::ENOENT) if !make => return Ok(None),
            Err(errno) => {
                return Err(match look(&self.fd, name) {
                    Ok(Some(stat)) if kind(&stat) != "a file" => odd_file(path, &stat),
                    _ => act("open", &path)(errno),
                });
            }
        };
        let stat = fstat(&fd).map_err(act("look at", &path))?;
        if kind(&stat) != "a file" {
            return Err(odd_file(path, &stat));
        }
        Ok(Some((fd.into(), stat)))
    }

    /// The content of the regular file `name`, up to `most` bytes; `None` where it is missing.
    pub(super) fn read(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, InstanceError> {
        let file = self.file(name, false)?;
        file.map(|file| self.content(file, name, most)).transpose()
    }

    /// The same of a file of a session's.
    pub(super) fn read_any(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, InstanceError> {
        let file = self.any_file(name.as_ref(), false)?;
        file.map(|(file, _)| self.content(file, name, most))
            .transpose()
    }

    fn content(&self, file: File, name: &str, most: u64) -> Result<Vec<u8>, InstanceError> {
        let path = || self.path.join(name);
        let mut content = Vec::new();
        let read = file.take(most + 1).read_to_end(&mut content);
        read.map_err(|source| InstanceError::Act {
            what: "read",
            path: path(),
            source,
        })?;
        if content.len() as u64 > most {
            return Err(InstanceError::Odd {
                path: path(),
                what: format!("larger than {most} bytes"),
            });
        }
        Ok(content)
    }

    /// Puts `content` at `name` by a new file and a rename.
    pub(super) fn put(&self, name: &str, content: &[u8]) -> Result<(), InstanceError> {
        store::replace(&self.fd, name.as_ref(), content).map_err(|source| InstanceError::Act {
            what: "write",
            path: self.path.join(name),
            source,
        })
    }

    /// Makes the empty folder, or the file with `content`, at `name`, where nothing is.
    pub(super) fn make(
        &self,
        name: &str,
        folder: bool,
        content: &str,
    ) -> Result<(), InstanceError> {
        let path = self.path.join(name);
        if folder {
            return match mkdirat(&self.fd, name, Mode::S_IRWXU) {
                Ok(()) | Err(Errno::EEXIST) => Ok(()),
                Err(errno) => Err(act("make", &path)(errno)),
            };
        }
        let flags =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        match openat(&self.fd, name, flags, Mode::S_IRUSR | Mode::S_IWUSR) {
            Ok(fd) => {
                let written = File::from(fd).write_all(content.as_bytes());
                written.map_err(|source| InstanceError::Act {
                    what: "write",
                    path,
                    source,
                })
            }
            Err(Errno::EEXIST) => Ok(()),
            Err(errno) => Err(act("make", &path)(errno)),
        }
    }

    /// Removes every file in it but those with these names.
    pub(super) fn keep_only(&self, wanted: impl Fn(&OsStr) -> bool) -> Result<(), InstanceError> {
        for name in self.names()?.iter().filter(|name| !wanted(name)) {
            match unlinkat(&self.fd, name.as_os_str(), UnlinkatFlags::NoRemoveDir) {
                // A folder is none of ours.
                Ok(()) | Err(Errno::EISDIR | Errno::ENOENT) => {}
                Err(errno) => return Err(act("remove", &self.path.join(name))(errno)),
            }
        }
        Ok(())
    }

    /// Gives what lies at `name` another name beside it, under which nothing is.
    pub(super) fn put_aside(&self, name: &str) -> Result<(), InstanceError> {
        for number in 1..1000 {
            let aside = format!("{name}.put-aside-{number}");
            match renameat_with(
                &self.fd,
                name,
                &self.fd,
                aside.as_str(),
                RenameFlags::NOREPLACE,
            ) {
                Ok(()) => return Ok(()),
                Err(rustix::io::Errno::EXIST) => {}
                Err(errno) => return Err(act("put aside", &self.path.join(name))(errno_of(errno))),
            }
        }
        Err(act("put aside", &self.path.join(name))(Errno::EEXIST))
    }
}

pub(super) fn errno_of(errno: rustix::io::Errno) -> Errno {
    Errno::from_raw(errno.raw_os_error())
}

fn odd_file(path: Text, stat: &FileStat) -> InstanceError {
    InstanceError::Odd {
        path,
        what: format!("{}, and should be a file", kind(stat)),
    }
}
