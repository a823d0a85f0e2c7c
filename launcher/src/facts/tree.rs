//! Owns walking a folder of which nothing can be trusted: breadth first, by descriptors, within a budget.
//!
//! No link is followed, no mount is entered and nothing but folders is opened (openat2(2), RESOLVE_NO_SYMLINKS and
//! RESOLVE_NO_XDEV), so that a loop, a FIFO, or a name that is swapped meanwhile leads nowhere.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, OpenHow, ResolveFlag, openat2, readlinkat};
use nix::sys::stat::{FileStat, fstatat};

/// So many names are looked at in any case: on a busy machine time alone says little.
const AT_LEAST: u64 = 2048;

/// How much may be looked at.
pub(crate) struct Budget<'a> {
    /// When it is over, if ever.
    end: Option<Instant>,
    /// The most names.
    most: u64,
    /// Whether somebody wants it to stop.
    stopped: &'a dyn Fn() -> bool,
    /// Whether it stopped before all was seen.
    over: bool,
    /// Whether a folder was not listed to its end. What was listed of it is seen as far as it goes.
    cut: bool,
    /// How many names were seen.
    pub(crate) seen: u64,
}

impl<'a> Budget<'a> {
    /// `time` from now, or as long as it takes; less where `stopped` says so.
    pub(crate) fn new(time: Option<Duration>, stopped: &'a dyn Fn() -> bool) -> Self {
        Self {
            end: time.map(|time| Instant::now() + time),
            most: u64::MAX,
            stopped,
            over: false,
            cut: false,
            seen: 0,
        }
    }

    /// No more names than these, even to be listed.
    pub(crate) fn at_most(self, most: u64) -> Self {
        Self { most, ..self }
    }

    /// Whether all was seen so far.
    pub(crate) fn sufficed(&self) -> bool {
        !self.over && !self.cut
    }

    /// Whether its time is over.
    pub(crate) fn is_over(&self) -> bool {
        self.end.is_some_and(|end| Instant::now() >= end)
    }

    /// Counts one name; false where no other may be looked at. The clock is asked now and then, and not about the first names.
    fn next(&mut self) -> bool {
        if self.seen >= AT_LEAST && self.seen.is_multiple_of(32) {
            self.over |= self.is_over() || (self.stopped)();
        }
        self.over |= self.seen >= self.most;
        if !self.over {
            self.seen += 1;
        }
        !self.over
    }
}

/// A name in a folder.
pub(crate) struct Entry<'a> {
    /// The folder, from the top of the walk.
    pub(crate) folder: &'a Path,
    /// Its name.
    pub(crate) name: &'a OsStr,
    /// Whether it is a folder.
    pub(crate) is_folder: bool,
    at: BorrowedFd<'a>,
}

impl Entry<'_> {
    /// Its path from the top of the walk.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(self.name)
    }

    /// What it is; of a link, the link.
    pub(crate) fn stat(&self) -> nix::Result<FileStat> {
        fstatat(self.at, self.name, AtFlags::AT_SYMLINK_NOFOLLOW)
    }

    /// Where it leads, if it is a link.
    pub(crate) fn target(&self) -> Option<OsString> {
        readlinkat(self.at, self.name).ok()
    }
}

/// Who looks.
pub(crate) trait Visitor {
    /// What a folder hands down to those in it.
    type Inherited: Clone;

    /// A folder, with the names in it, before they are seen one by one.
    fn enter(
        &mut self,
        folder: &Path,
        names: &[(OsString, bool)],
        from_above: &Self::Inherited,
    ) -> Self::Inherited;

    /// A name in it. Says what the folder hands down where it is to be entered.
    fn see(&mut self, entry: &Entry<'_>, inherited: &Self::Inherited) -> Option<Self::Inherited>;

    /// A folder that cannot be entered, or not listed to its end; EXDEV where it is another file system.
    fn closed(&mut self, folder: &Path, error: Errno);
}

/// Walks the tree below `top`.
pub(crate) fn walk<V: Visitor>(
    top: &Path,
    inherited: V::Inherited,
    budget: &mut Budget<'_>,
    visitor: &mut V,
) {
    let Ok(root) = open(
        AT_FDCWD,
        top.as_os_str(),
        OFlag::O_PATH | OFlag::O_DIRECTORY,
    ) else {
        visitor.closed(Path::new(""), Errno::last());
        return;
    };
    let mut ahead = VecDeque::from([(PathBuf::new(), inherited)]);
    while let Some((path, inherited)) = ahead.pop_front() {
        let here = if path.as_os_str().is_empty() {
            OsStr::new(".")
        } else {
            path.as_os_str()
        };
        let opened = open_folder(&root, here).and_then(Dir::from_fd);
        let mut folder = match opened {
            Ok(folder) => folder,
            // Gone meanwhile.
            Err(Errno::ENOENT | Errno::ENOTDIR) => continue,
            Err(error) => {
                visitor.closed(&path, error);
                continue;
            }
        };
        let (names, broken) = names(&mut folder, budget);
        if let Some(error) = broken {
            visitor.closed(&path, error);
        }
        let handed_down = visitor.enter(&path, &names, &inherited);
        for (name, is_folder) in &names {
            if !budget.next() {
                return;
            }
            let entry = Entry {
                folder: &path,
                name,
                is_folder: *is_folder,
                at: folder.as_fd(),
            };
            if let Some(inherited) = visitor.see(&entry, &handed_down).filter(|_| *is_folder) {
                ahead.push_back((entry.path(), inherited));
            }
        }
        if !budget.sufficed() {
            return;
        }
    }
}

/// The names in a folder, and whether each is a folder. Cut short where the budget is over, and at an error: a file system may
/// answer every further call with it, without end.
fn names(folder: &mut Dir, budget: &mut Budget<'_>) -> (Vec<(OsString, bool)>, Option<Errno>) {
    let mut names = Vec::new();
    let mut unknown = Vec::new();
    let mut broken = None;
    for (number, entry) in folder.iter().enumerate() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                broken = Some(error);
                break;
            }
        };
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name == "." || name == ".." {
            continue;
        }
        // One more than may be seen: so it is known that there is one.
        if budget.seen + names.len() as u64 > budget.most {
            break;
        }
        if number as u64 >= AT_LEAST && number % 256 == 0 {
            budget.over = (budget.stopped)();
            budget.cut = budget.is_over();
            if !budget.sufficed() {
                break;
            }
        }
        // Some file systems do not tell (readdir(3)).
        if entry.file_type().is_none() {
            unknown.push(names.len());
        }
        names.push((name.to_owned(), entry.file_type() == Some(Type::Directory)));
    }
    for index in unknown {
        let stat = fstatat(
            folder.as_fd(),
            names[index].0.as_os_str(),
            AtFlags::AT_SYMLINK_NOFOLLOW,
        );
        names[index].1 = stat.is_ok_and(|stat| is_kind(&stat, nix::sys::stat::SFlag::S_IFDIR));
    }
    (names, broken)
}

/// Whether it is of that kind.
pub(crate) fn is_kind(stat: &FileStat, kind: nix::sys::stat::SFlag) -> bool {
    stat.st_mode & nix::sys::stat::SFlag::S_IFMT.bits() == kind.bits()
}

fn open_folder(root: &OwnedFd, path: &OsStr) -> nix::Result<OwnedFd> {
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)
        .resolve(
            ResolveFlag::RESOLVE_BENEATH
                | ResolveFlag::RESOLVE_NO_SYMLINKS
                | ResolveFlag::RESOLVE_NO_XDEV,
        );
    openat2(root, path, how)
}

/// Opens `name` in `folder`, never through a link.
pub(crate) fn open(folder: impl AsFd, name: &OsStr, flags: OFlag) -> nix::Result<OwnedFd> {
    let how = OpenHow::new()
        .flags(flags | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW)
        .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
    openat2(folder, name, how)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::fs::{self, File};

    use nix::sys::wait::{Id, WaitPidFlag, waitid};

    use super::*;

    /// How many names a folder was said to have, and how many were seen.
    #[derive(Default)]
    struct Counted(usize, u64);

    impl Visitor for Counted {
        type Inherited = ();

        fn enter(&mut self, _: &Path, names: &[(OsString, bool)], (): &()) {
            self.0 += names.len();
        }

        fn see(&mut self, _: &Entry<'_>, (): &()) -> Option<()> {
            self.1 += 1;
            Some(())
        }

        fn closed(&mut self, _: &Path, _: Errno) {}
    }

    /// The list of what a process maps is lost when it ends: each further call fails with ESRCH.
    #[test]
    fn a_list_that_fails_without_end_is_given_up() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("sleep starts");
        let folder = PathBuf::from(format!("/proc/{}/map_files", child.id()));
        let folder = File::open(folder).expect("the process is there");
        let mut folder = Dir::from_fd(folder.into()).expect("it is a folder");
        child.kill().expect("it is a child");
        // It stays there, and maps nothing.
        let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        waitid(Id::Pid(pid), flags).expect("it ends");
        let (sender, given_up) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut budget = Budget::new(None, &|| false);
            let _ = sender.send(names(&mut folder, &mut budget).0.len());
        });
        let listed = given_up.recv_timeout(Duration::from_secs(10));
        assert_eq!(listed, Ok(0));
        child.wait().expect("it ended");
    }

    #[test]
    fn a_large_folder_is_not_listed_beyond_the_budget() {
        let folder = tempfile::tempdir().expect("a folder");
        for number in 0..8000 {
            File::create(folder.path().join(number.to_string())).expect("a file");
        }
        let look = |budget: Budget<'_>| {
            let (mut budget, mut counted) = (budget, Counted::default());
            walk(folder.path(), (), &mut budget, &mut counted);
            (counted.0, counted.1, budget.sufficed())
        };
        let going_on = || false;
        assert_eq!(look(Budget::new(None, &going_on)), (8000, 8000, true));
        let exactly = Budget::new(None, &going_on).at_most(8000);
        assert_eq!(look(exactly), (8000, 8000, true));
        let few = Budget::new(None, &going_on).at_most(512);
        assert_eq!(look(few), (513, 512, false));
        // Whoever wants it to stop is asked while a folder is listed, and once is enough.
        let asked = Cell::new(0);
        let stopped = || asked.replace(asked.get() + 1) == 0;
        let (listed, seen, sufficed) = look(Budget::new(None, &stopped));
        assert!(listed < 2400 && seen == 0 && !sufficed, "{listed} {seen}");
        let late = Budget::new(Some(Duration::ZERO), &going_on);
        let (listed, seen, sufficed) = look(late);
        assert!(listed < 2400 && !sufficed, "{listed}");
        // What was listed is not lost.
        assert_eq!(seen, listed as u64);
        fs::create_dir(folder.path().join("deep")).expect("a folder");
        File::create(folder.path().join("deep/file")).expect("a file");
        let exactly = Budget::new(None, &going_on).at_most(8002);
        assert_eq!(look(exactly), (8002, 8002, true));
        let one_less = Budget::new(None, &going_on).at_most(8001);
        assert_eq!(look(one_less), (8002, 8001, false));
    }
}
