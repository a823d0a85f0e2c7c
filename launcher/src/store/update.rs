//! Owns changing a file of claudebox's own that several launches may change at once: each sees what the one before it wrote.

use std::fs::{DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, open, openat};
use nix::sys::stat::Mode;

use super::Place;
use crate::text::Text;

/// How long another launch is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Replaces `folder/name` by what `change` makes of its present content, and returns what else it gives; makes `folder` where it is not
/// there. `None` leaves all as it is. The folder is locked meanwhile, and no file is left to lock by.
///
/// # Errors
/// As the kernel gives them, where another launch holds the folder too long, or no regular file of at most `limit` bytes is there.
pub fn update<T>(
    folder: &Text,
    name: &str,
    limit: u64,
    change: impl FnOnce(Option<Vec<u8>>) -> (Option<Vec<u8>>, T),
) -> io::Result<T> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let opened = open(folder.path(), flags, Mode::empty())?;
    let locked = lock(File::from(opened))?;
    let present = read(&locked, name, limit)?;
    let (content, gives) = change(present);
    if let Some(content) = content {
        if content.len() as u64 > limit {
            return Err(io::Error::other(format!(
                "it would be larger than {limit} bytes"
            )));
        }
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let folder = openat(&*locked, ".", flags, Mode::empty())?;
        let name = name.into();
        Place { folder, name }.put(&content)?;
    }
    Ok(gives)
}

/// flock(2) goes with the descriptor: nothing stays locked by who was killed.
fn lock(mut folder: File) -> io::Result<Flock<File>> {
    let began = Instant::now();
    loop {
        match Flock::lock(folder, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => return Ok(locked),
            Err((again, Errno::EAGAIN)) if began.elapsed() < PATIENCE => folder = again,
            Err((_, Errno::EAGAIN)) => {
                return Err(io::Error::other("another claudebox holds it"));
            }
            Err((_, error)) => return Err(error.into()),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn read(folder: &File, name: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = match openat(folder, name, flags | OFlag::O_CLOEXEC, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::ENOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let there = file.metadata()?;
    if !there.is_file() || there.size() > limit {
        return Err(io::Error::other(format!(
            "it is no regular file of at most {limit} bytes"
        )));
    }
    let mut content = Vec::new();
    file.take(limit).read_to_end(&mut content)?;
    Ok(Some(content))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(present: Option<Vec<u8>>) -> (Option<Vec<u8>>, ()) {
        let text = String::from_utf8(present.unwrap_or_default()).unwrap();
        let number: u32 = text.parse().unwrap_or(0);
        (Some((number + 1).to_string().into_bytes()), ())
    }

    #[test]
    fn no_change_is_lost_where_many_change_it_at_once() {
        let home = tempfile::tempdir().unwrap();
        let folder = Text::from(home.path().join("own").as_path());
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        update(&folder, "count", 64, count).unwrap();
                    }
                });
            }
        });
        let counted = std::fs::read_to_string(folder.join("count").path()).unwrap();
        assert_eq!(counted, "160");
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "nothing else is left there");
    }

    #[test]
    fn what_is_no_small_file_is_left_as_it_is() {
        let home = tempfile::tempdir().unwrap();
        let folder = Text::from(home.path());
        let at = home.path().join("x");
        std::os::unix::fs::symlink("elsewhere", &at).unwrap();
        assert!(update(&folder, "x", 64, count).is_err());
        assert!(!home.path().join("elsewhere").exists());
        std::fs::remove_file(&at).unwrap();
        nix::unistd::mkfifo(&at, Mode::S_IRWXU).unwrap();
        assert!(update(&folder, "x", 64, count).is_err());
        std::fs::remove_file(&at).unwrap();
        std::fs::write(&at, [b'1'; 65]).unwrap();
        assert!(update(&folder, "x", 64, count).is_err());
        std::fs::write(&at, "1").unwrap();
        assert!(update(&folder, "x", 0, count).is_err());
        update(&folder, "x", 64, |_| (None, ())).unwrap();
        assert_eq!(std::fs::read(&at).unwrap(), b"1");
    }
}
