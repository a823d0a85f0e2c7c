//! Owns writing claudebox's own files on the host: whole or not at all, readable for their owner alone.
#![expect(
    clippy::disallowed_methods,
    reason = "store is the one that writes claudebox's own files"
)]

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

use crate::text::Text;

/// Puts `content` at `folder/name` by a new file and a rename; makes `folder` where it is not there.
///
/// # Errors
/// As the kernel gives them; the old content is then untouched.
pub fn write(folder: &Text, name: &str, content: &[u8]) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let new = folder.join(format!(".{name}.{}", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(&new)?;
    let written = file
        .write_all(content)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&new, folder.join(name)));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}
