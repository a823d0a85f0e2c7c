//! Owns how a folder of the user's that is not claudebox's is opened, and a file of theirs in it read: it is theirs, and not everybody's
//! to write.

use nix::fcntl::{AT_FDCWD, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::fstat;

use super::{Folder, OPEN, Privacy, act};
use crate::instance::InstanceError;
use crate::text::Text;

impl Folder {
    /// A folder of the user's that is not claudebox's: theirs, and not everybody's to write. A group of one's own is usual
    /// (umask 002).
    pub(in crate::instance) fn of_user(path: &Text) -> Result<Self, InstanceError> {
        let how = OpenHow::new()
            .flags(OPEN)
            .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
        let fd = openat2(AT_FDCWD, path.path(), how).map_err(act("open", path))?;
        let stat = fstat(&fd).map_err(act("look at", path))?;
        let folder = Self {
            fd,
            path: path.clone(),
        };
        folder.judge(&stat, path, Privacy::Shared)?;
        Ok(folder)
    }

    /// The content of a file of the user's in it, up to `most` bytes; `None` where it is missing.
    pub(in crate::instance) fn read_of_user(
        &self,
        name: &str,
        most: u64,
    ) -> Result<Option<Vec<u8>>, InstanceError> {
        let Some((file, stat)) = self.any_file(name.as_ref(), false)? else {
            return Ok(None);
        };
        self.judge(&stat, &self.path.join(name), Privacy::Shared)?;
        self.content(file, name, most).map(Some)
    }
}
