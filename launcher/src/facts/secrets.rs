//! Owns finding secrets that lie in the project itself, within 100 ms (FS-J): names first, then the start of what people write
//! credentials into.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag};
use nix::sys::stat::{SFlag, fstat};
use serde::{Deserialize, Serialize};

use super::tree::{self, Budget, Entry, Visitor, is_kind};
use crate::report;
use crate::stray::{self, Name};
use crate::text::Text;

/// How long it may take.
const LIMIT: Duration = Duration::from_millis(100);

/// How much of a file is read.
const START: u64 = 8 * 1024;

/// The most files that are read, and the most secrets that are told.
const MOST: usize = 4096;

/// Secrets that lie in the project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// What was found, from the project's root.
    pub found: Vec<Secret>,
    /// How many names were looked at.
    pub seen: u64,
    /// Whether that is all there are, but for what tools fetch and build.
    pub complete: bool,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// Where it lies.
    pub path: Text,
    /// What it is.
    pub what: String,
}

impl Default for Secrets {
    fn default() -> Self {
        Self {
            found: Vec::new(),
            seen: 0,
            complete: true,
        }
    }
}

impl Secrets {
    pub(super) fn look(root: &Path) -> Self {
        let mut search = Search {
            found: Vec::new(),
            perhaps: Vec::new(),
        };
        let mut budget = Budget::new(Some(LIMIT), &|| false);
        tree::walk(root, (), &mut budget, &mut search);
        let Search { mut found, perhaps } = search;
        let mut complete = budget.sufficed() && perhaps.len() < MOST;
        for path in perhaps {
            if budget.is_over() {
                complete = false;
                break;
            }
            if let Some(what) = start(&root.join(&path)).and_then(|text| stray::of_content(&text)) {
                let path = path.into();
                found.push(Secret { path, what });
            }
        }
        found.sort();
        found.truncate(MOST);
        Self {
            found,
            seen: budget.seen,
            complete,
        }
    }
}

struct Search {
    found: Vec<Secret>,
    perhaps: Vec<PathBuf>,
}

impl Visitor for Search {
    type Inherited = ();

    fn enter(&mut self, _: &Path, _: &[(OsString, bool)], (): &()) {}

    fn see(&mut self, entry: &Entry<'_>, (): &()) -> Option<()> {
        if entry.is_folder {
            let fetched = entry.name == "objects" || entry.name == "__pycache__";
            return (!fetched && !report::is_dependencies(entry.name)).then_some(());
        }
        match stray::of_name(entry.name) {
            Name::Secret(what) => {
                let path = entry.path().into();
                let what = what.into();
                self.found.push(Secret { path, what });
            }
            Name::Perhaps if self.perhaps.len() < MOST => self.perhaps.push(entry.path()),
            Name::Perhaps | Name::Plain => {}
        }
        None
    }

    fn closed(&mut self, _: &Path, _: Errno) {}
}

/// The start of a regular file, reached through no link.
fn start(at: &Path) -> Option<Vec<u8>> {
    let open = |flags| tree::open(AT_FDCWD, OsStr::new(at), flags).ok();
    let is_file = |held: &OwnedFd| fstat(held).is_ok_and(|stat| is_kind(&stat, SFlag::S_IFREG));
    // Opening a device would do something.
    open(OFlag::O_PATH).filter(is_file)?;
    let file = File::from(open(OFlag::O_RDONLY | OFlag::O_NONBLOCK).filter(is_file)?);
    let mut text = Vec::new();
    file.take(START).read_to_end(&mut text).ok()?;
    Some(text)
}
