//! Owns listing a folder that a session could write: by descriptor, never through a link, never into something that is mounted there.

use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OpenHow, ResolveFlag, openat2};

use super::{Folder, OPEN, act};
use crate::instance::InstanceError;

/// The folder `name` in `folder`; `.` is that one once more.
pub(in crate::instance) fn open_in(folder: &impl AsFd, name: &OsStr) -> Result<Dir, Errno> {
    let how = OpenHow::new().flags(OPEN).resolve(
        ResolveFlag::RESOLVE_BENEATH
            | ResolveFlag::RESOLVE_NO_SYMLINKS
            | ResolveFlag::RESOLVE_NO_XDEV,
    );
    Dir::from_fd(openat2(folder, name, how)?)
}

/// The names in it. The first error ends the list: a file system may answer every further call with it, without end.
pub(in crate::instance) fn names(dir: &mut Dir) -> Result<Vec<OsString>, Errno> {
    let mut names = Vec::new();
    for entry in dir.iter() {
        let name = entry?.file_name().to_bytes().to_vec();
        if !matches!(&name[..], b"." | b"..") {
            names.push(OsString::from_vec(name));
        }
    }
    Ok(names)
}

impl Folder {
    /// The names in it, sorted.
    pub(in crate::instance) fn names(&self) -> Result<Vec<OsString>, InstanceError> {
        let listed = open_in(&self.fd, ".".as_ref()).and_then(|mut dir| names(&mut dir));
        let mut listed = listed.map_err(act("list", &self.path))?;
        listed.sort();
        Ok(listed)
    }
}
