//! Owns opening an instance for a session: made where it is missing, held by its lock, complete before bwrap mounts anything.
//!
//! Who finds nobody else in it holds it alone for a moment, and may then mend it; who comes later shares it, and finds it whole.
//! Nobody removes what is shared; and who waited for somebody that removed it looks once more whether it is still there.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;

use super::folder::{Folder, Privacy, kind};
use super::login::Shared;
use super::{
    CLAUDE, CLAUDE_JSON, IDENTITY, InstanceError, Keep, LOCK, PROJECTS, ROOT, SHOWN, VIEWS, key,
    root_line,
};
use crate::login::Share;
use crate::text::Text;

/// How long another claudebox may make or remove an instance.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long between two looks.
const PAUSE: Duration = Duration::from_millis(5);
/// The largest `project-root`: a path has at most 4096 bytes.
const MOST_ROOT: u64 = 64 * 1024;
/// The largest file of the user's that is shown.
const MOST_VIEW: u64 = 4 * 1024 * 1024;
/// The largest `.claude.json` that is read.
const MOST_JSON: u64 = 32 * 1024 * 1024;

/// An instance while a session runs in it.
#[derive(Debug)]
pub struct Open {
    lock: Flock<File>,
    /// The login, where it is kept in step.
    pub login: Option<Shared>,
}

/// Opens the instance of `keep`, with the login of `share`.
///
/// # Errors
/// Where it cannot be made, is not the caller's, or is not what it should be.
pub fn open(keep: &Keep, share: Option<&Share>) -> Result<Open, InstanceError> {
    let end = Instant::now() + PATIENCE;
    let key = key(&keep.root);
    let name = OsStr::new(&key);
    loop {
        if let Some(open) = attempt(keep, share, name)? {
            // When it was last used; nothing depends on it.
            let _ = futimens(&*open.lock, &TimeSpec::UTIME_NOW, &TimeSpec::UTIME_NOW);
            return Ok(open);
        }
        if Instant::now() > end {
            return Err(InstanceError::Busy {
                path: keep.folder().join(LOCK),
            });
        }
        std::thread::sleep(PAUSE);
    }
}

/// `None` where somebody makes or removes it just now.
fn attempt(
    keep: &Keep,
    share: Option<&Share>,
    name: &OsStr,
) -> Result<Option<Open>, InstanceError> {
    let missing = || InstanceError::Act {
        what: "open",
        path: keep.home.clone(),
        source: nix::errno::Errno::ENOENT.into(),
    };
    let own = Folder::own(&keep.home, true)?.ok_or_else(missing)?;
    let projects = own.child(PROJECTS, Privacy::Own)?;
    // Whoever removes it may be quicker: then it is made anew.
    let gone = |error: InstanceError| match error {
        InstanceError::Act { source, .. } if source.raw_os_error() == Some(nix::libc::ENOENT) => {
            Ok(None)
        }
        error => Err(error),
    };
    let instance = match projects.child(name, Privacy::Own) {
        Ok(instance) => instance,
        Err(error) => return gone(error),
    };
    let lock = match instance.file(LOCK, true) {
        Ok(lock) => lock.ok_or_else(missing)?,
        Err(error) => return gone(error),
    };
    let (lock, alone) = match Flock::lock(lock, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => (lock, true),
        Err((lock, _)) => match Flock::lock(lock, FlockArg::LockSharedNonblock) {
            Ok(lock) => (lock, false),
            Err(_) => return Ok(None),
        },
    };
    if !projects.holds(name, &instance)? {
        return Ok(None);
    }
    let login = prepare(keep, share, &instance, alone)?;
    if alone {
        // Not in one step (flock(2)): somebody may have been quicker.
        let shared = lock.relock(FlockArg::LockSharedNonblock);
        if shared.is_err() || !projects.holds(name, &instance)? {
            return Ok(None);
        }
    }
    Ok(Some(Open { lock, login }))
}

/// Makes it whole. Who is alone in it puts aside what does not belong there; nothing is removed.
fn prepare(
    keep: &Keep,
    share: Option<&Share>,
    instance: &Folder,
    alone: bool,
) -> Result<Option<Shared>, InstanceError> {
    let wanted = root_line(&keep.root);
    match instance.read(ROOT, MOST_ROOT)? {
        Some(named) if named == wanted => {}
        // A power cut may leave it empty.
        None => instance.put(ROOT, &wanted)?,
        Some(named) if named.is_empty() => instance.put(ROOT, &wanted)?,
        Some(named) => {
            let named = named.strip_suffix(b"\n").unwrap_or(&named);
            return Err(InstanceError::OtherRoot {
                path: instance.path.join(ROOT),
                named: Text::from(OsStr::from_bytes(named)),
                root: keep.root.clone(),
            });
        }
    }
    if instance.read(IDENTITY, MOST_ROOT)?.as_deref() != Some(keep.identity.as_bytes()) {
        instance.put(IDENTITY, keep.identity.as_bytes())?;
    }
    let claude = instance.child(CLAUDE, Privacy::Own)?;
    for shown in SHOWN {
        place(&claude, shown.name, shown.folder, shown.nothing, alone)?;
    }
    views(keep, instance, alone)?;
    // Before the account of the host is brought over: whose the login of the session before is.
    let again = instance.child(CLAUDE, Privacy::Own)?;
    let login = share
        .map(|share| Shared::begin(keep, share, again, alone))
        .transpose()?;
    if alone {
        seed(keep, &claude)?;
    }
    Ok(login)
}

/// Puts the contents that a session is shown into files. Who is alone removes those of sessions before.
fn views(keep: &Keep, instance: &Folder, alone: bool) -> Result<(), InstanceError> {
    let folder = instance.child(VIEWS, Privacy::Own)?;
    let wanted: Vec<(String, &Text)> = keep
        .views
        .iter()
        .map(|content| (key(content), content))
        .collect();
    for (name, content) in &wanted {
        let content = content.as_bytes();
        if folder.read(name, MOST_VIEW)?.as_deref() != Some(content) {
            folder.put(name, content)?;
        }
    }
    if alone {
        folder.keep_only(|name| wanted.iter().any(|(wanted, _)| name == wanted.as_str()))?;
    }
    Ok(())
}

/// A place for a mount: a folder or a file, and nothing that leads elsewhere.
fn place(
    claude: &Folder,
    name: &str,
    folder: bool,
    content: &str,
    alone: bool,
) -> Result<(), InstanceError> {
    let wanted = if folder { "a folder" } else { "a file" };
    let whole = |size: i64| folder || usize::try_from(size).is_ok_and(|size| size == content.len());
    match claude.look(name)? {
        Some(stat) if kind(&stat) == wanted && (whole(stat.st_size) || !alone) => return Ok(()),
        // A full disk may leave it empty.
        Some(stat) if kind(&stat) == wanted && stat.st_size == 0 => {
            return claude.put(name, content.as_bytes());
        }
        Some(_) if alone => claude.put_aside(name)?,
        Some(stat) => {
            let what = format!("{}, and should be {wanted}", kind(&stat));
            return Err(InstanceError::InUse {
                path: claude.path.join(name),
                what,
            });
        }
        None => {}
    }
    claude.make(name, folder, content)
}

/// Brings over what the user has answered on the host. What the session before left as no file is put aside; what is no JSON is the
/// client's to mend.
fn seed(keep: &Keep, claude: &Folder) -> Result<(), InstanceError> {
    let there = match claude.read_any(CLAUDE_JSON, MOST_JSON) {
        Ok(there) => there,
        Err(InstanceError::Odd { .. }) => {
            claude.put_aside(CLAUDE_JSON)?;
            None
        }
        Err(error) => return Err(error),
    };
    match keep.seed.merged(there.as_deref()) {
        Some(content) => claude.put(CLAUDE_JSON, content.as_bytes()),
        None => Ok(()),
    }
}
