//! Owns what is mounted being what was shown: each source of a bind mount is opened before the audit, without following
//! any link, and compared with what PID 1 sees at its place.
//!
//! Between the question and the answer a session that runs in the folder above could put a link in the place of what was
//! shown. The descriptors stay open, so that no inode can be used again meanwhile.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2};
use nix::libc;
use nix::sys::stat::fstat;

use super::{LaunchError, prepare};
use crate::instance::Keep;
use crate::plan::Plan;
use crate::text::Text;

/// Device and inode (stat(2)).
pub(super) type Identity = (u64, u64);

/// The sources of a plan's bind mounts, held.
#[derive(Debug, Clone)]
pub struct Pins {
    held: BTreeMap<Text, (Rc<OwnedFd>, Identity)>,
}

impl Pins {
    /// Opens every source of `plan`, but for those that the launcher makes itself when it is started.
    ///
    /// # Errors
    /// Where one is gone, or is reached through a link, although the plan names ends of links only.
    pub fn hold(plan: &Plan) -> Result<Self, LaunchError> {
        let kept = plan.kept().map(Keep::folder);
        let of_host = |from: &Text| {
            kept.as_ref()
                .is_none_or(|kept| !from.path().starts_with(kept.path()))
        };
        let mut held = BTreeMap::new();
        for (from, ..) in plan.binds().filter(|(from, ..)| of_host(from)) {
            held.insert(from.clone(), hold(from)?);
        }
        // What is mounted there is made by bwrap: that it lies where it should is seen inside by its place.
        for at in plan.hidden() {
            hold(at)?;
        }
        Ok(Self { held })
    }

    /// The same with every source that is not held yet: they are there now.
    pub(super) fn completed(&self, plan: &Plan) -> Result<Self, LaunchError> {
        let mut whole = self.clone();
        for (from, ..) in plan.binds() {
            if !whole.held.contains_key(from) {
                whole.held.insert(from.clone(), hold(from)?);
            }
        }
        Ok(whole)
    }

    /// What `source` was.
    #[must_use]
    pub(super) fn identity(&self, source: &Text) -> Option<Identity> {
        self.held.get(source).map(|(_, identity)| *identity)
    }
}

/// Opens `path`, which no link leads to.
fn hold(path: &Text) -> Result<(Rc<OwnedFd>, Identity), LaunchError> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW)
        .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
    let opened = openat2(AT_FDCWD, path.path(), how).map_err(io::Error::from);
    let opened = opened.map_err(|source| match source.raw_os_error() {
        // What of a path is refused to this user is EACCES; EPERM is the answer of a filter (seccomp(2)).
        Some(libc::ENOSYS | libc::EPERM) => LaunchError::NoHold { source },
        Some(libc::EMFILE | libc::ENFILE) => LaunchError::Prepare {
            what: "hold what is to be mounted",
            source,
        },
        _ => LaunchError::Source {
            path: path.clone(),
            source,
        },
    })?;
    let stat = prepare("look at what is to be mounted", fstat(&opened))?;
    Ok((Rc::new(opened), (stat.st_dev, stat.st_ino)))
}
