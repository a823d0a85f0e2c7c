//! Owns what of a project is remembered before a session, so that its end can be told from its start: each place of the list
//! of what the host runs, by kind, mode and content. A number of places that does not grow with the project.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, readlinkat};
use nix::sys::stat::{FileStat, SFlag, fstat};
use nix::time::{ClockId, clock_gettime};
use sha2::{Digest, Sha256};

use super::tree::{self, Budget, Entry, Visitor, is_kind};
use super::{FILE_LIMIT, Facts, Git};
use crate::cli::Scan;
use crate::guard::Guard;
use crate::hostrun::Base;
use crate::plan::Plan;
use crate::report;
use crate::text::Text;

/// The most names of one listed folder that are remembered.
const MOST_NAMES: u64 = 512;

/// How long all listed folders may take.
const LIMIT: Duration = Duration::from_millis(200);

/// The largest file of one that is remembered by its content; a larger one is by size and time.
const MOST_BYTES: u64 = 64 * 1024;

/// What was there before a session.
#[derive(Debug)]
pub struct Before {
    pub(super) scan: Scan,
    pub(super) project: Text,
    /// The project's git folder, wherever it lies.
    pub(super) git: PathBuf,
    /// What can be written inside.
    pub(super) tops: Vec<PathBuf>,
    /// The clock that gives files their times (clock_gettime(2), CLOCK_REALTIME_COARSE).
    pub(super) began: (i64, i64),
    pub(super) places: Places,
}

/// What lies at each place that is looked at by name.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) prints: BTreeMap<PathBuf, Print>,
    /// Listed folders that hold too much to be remembered: what changed in them is told by its time.
    pub(super) cut: Vec<PathBuf>,
}

/// What one of them is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Print {
    /// Kind and mode (inode(7)).
    mode: u32,
    content: Content,
}

#[derive(Debug, PartialEq, Eq)]
enum Content {
    /// Of a regular file.
    Sum([u8; 32]),
    /// Of one that is too large, or cannot be read: size and time of the last change.
    Size(i64, (i64, i64)),
    /// Of a link.
    Target(OsString),
    /// Of a folder, and of what is no file.
    None,
}

impl Before {
    /// Remembers what `plan` lets a session write.
    #[must_use]
    pub fn take(plan: &Plan, facts: &Facts, scan: Scan) -> Self {
        // The agent's own state is nothing that the host runs.
        let writable = plan
            .binds()
            .filter(|(_, _, writable, step)| *writable && step.guard != Guard::StatePerProject);
        let all: Vec<PathBuf> = writable.map(|(from, ..)| from.path().to_owned()).collect();
        // What is mounted over itself lies in another one.
        let inner = |top: &PathBuf| {
            all.iter()
                .any(|other| top != other && top.starts_with(other))
        };
        let tops = all.iter().filter(|top| !inner(top)).cloned().collect();
        let git = match &facts.project.git {
            Git::Linked(link) => link.common.path().to_owned(),
            Git::None | Git::Inside | Git::Left(_) => plan.project.path().join(".git"),
        };
        let mut before = Self {
            scan,
            project: plan.project.clone(),
            tops,
            git,
            began: now(),
            places: Places::default(),
        };
        if scan != Scan::Off {
            before.places = before.look(&|| false);
        }
        before
    }

    /// What lies at each place of the list now. Folders that are left are cut where `stopped` says so.
    pub(super) fn look(&self, stopped: &dyn Fn() -> bool) -> Places {
        let mut places = Places::default();
        let end = Instant::now() + LIMIT;
        for entry in report::fixed() {
            let at = match entry.base {
                Base::Git => self.git.join(entry.pattern),
                Base::Project => self.project.path().join(entry.pattern),
            };
            let Some((print, stat)) = Print::of(&at, FILE_LIMIT) else {
                continue;
            };
            if is_kind(&stat, SFlag::S_IFDIR) && at != self.git {
                let mut listed = Listed {
                    folder: &at,
                    prints: BTreeMap::new(),
                    end,
                    late: false,
                };
                let mut budget = Budget::new(None, stopped).at_most(MOST_NAMES);
                tree::walk(&at, (), &mut budget, &mut listed);
                if budget.sufficed() && !listed.late {
                    places.prints.append(&mut listed.prints);
                } else {
                    places.cut.push(at);
                }
            } else {
                places.prints.insert(at, print);
            }
        }
        places
    }
}

/// As the kernel would write it to a file that is changed now.
fn now() -> (i64, i64) {
    clock_gettime(ClockId::CLOCK_REALTIME_COARSE)
        .map_or((0, 0), |now| (now.tv_sec(), now.tv_nsec()))
}

impl Print {
    /// What lies at `at`, by its content where that is no more than `most` bytes. Where a link is on the way, that link stands for it.
    fn of(at: &Path, most: u64) -> Option<(Self, FileStat)> {
        let held = match tree::open(AT_FDCWD, at.as_os_str(), OFlag::O_PATH) {
            Ok(held) => held,
            Err(Errno::ELOOP) => {
                return Self::of(at.parent()?, most);
            }
            Err(_) => return None,
        };
        let stat = fstat(&held).ok()?;
        let content = if is_kind(&stat, SFlag::S_IFLNK) {
            Content::Target(readlinkat(&held, "").unwrap_or_default())
        } else if is_kind(&stat, SFlag::S_IFREG) {
            up_to(most, at).map_or(
                Content::Size(stat.st_size, changed(&stat)),
                |(content, _)| Content::Sum(Sha256::digest(&content).into()),
            )
        } else {
            Content::None
        };
        let mode = stat.st_mode;
        Some((Self { mode, content }, stat))
    }
}

/// The time of the last change, of content or of what is known about it.
pub(super) fn changed(stat: &FileStat) -> (i64, i64) {
    (stat.st_ctime, stat.st_ctime_nsec)
}

/// A small regular file, reached through no link and opened without waiting.
pub(super) fn small(at: &Path) -> Option<(Vec<u8>, FileStat)> {
    up_to(FILE_LIMIT, at)
}

/// The same, of no more than `most` bytes.
fn up_to(most: u64, at: &Path) -> Option<(Vec<u8>, FileStat)> {
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK;
    let limit = i64::try_from(most).ok()?;
    let fit = |stat: &FileStat| is_kind(stat, SFlag::S_IFREG) && stat.st_size <= limit;
    let held = tree::open(AT_FDCWD, at.as_os_str(), OFlag::O_PATH).ok()?;
    fstat(&held).ok().filter(fit)?;
    // It may be something else by now.
    let file = File::from(tree::open(AT_FDCWD, at.as_os_str(), flags).ok()?);
    let stat = fstat(&file).ok().filter(fit)?;
    let mut content = Vec::new();
    file.take(most).read_to_end(&mut content).ok()?;
    Some((content, stat))
}

/// Everything below a folder of the list.
struct Listed<'a> {
    folder: &'a Path,
    prints: BTreeMap<PathBuf, Print>,
    /// When there is no more time, and whether there was none.
    end: Instant,
    late: bool,
}

impl Visitor for Listed<'_> {
    type Inherited = ();

    fn enter(&mut self, _: &Path, _: &[(OsString, bool)], (): &()) {}

    fn see(&mut self, entry: &Entry<'_>, (): &()) -> Option<()> {
        self.late |= Instant::now() >= self.end;
        if !self.late && !entry.is_folder {
            let at = self.folder.join(entry.path());
            if let Some((print, _)) = Print::of(&at, MOST_BYTES) {
                self.prints.insert(at, print);
            }
        }
        (!self.late).then_some(())
    }

    fn closed(&mut self, _: &Path, _: Errno) {}
}
