//! Owns the look at a project when a session is over: the places that were remembered, compared, and a walk through everything
//! that could be written, for what changed since the session began.
//!
//! The walk costs one lstat(2) for each name and ends with its budget, so a tree of a million files costs what a small one does.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::stat::{FileStat, SFlag};

use super::before::{Before, changed, small};
use super::tree::{self, Budget, Entry, Visitor, is_kind};
use crate::cli::Scan;
use crate::report::{self, Change, Item, Kind, Nature, Report, Scanned};
use crate::text::{Text, folded};

/// How long a quick look at the tree may take.
const QUICK: Duration = Duration::from_millis(50);

/// The most of one kind that is kept.
const MOST: usize = 1000;

impl Before {
    /// What deserves a look now that the session is over with `status`. Ends early where `stopped` says so.
    #[must_use]
    pub fn report(&self, status: u8, stopped: &dyn Fn() -> bool) -> Report {
        let mut found = Found {
            before: self,
            items: BTreeMap::new(),
            decided: BTreeSet::new(),
            names: HashMap::new(),
            top: Path::new("/"),
        };
        if self.scan != Scan::Off {
            found.compare(stopped);
        }
        let time = (self.scan == Scan::Quick).then_some(QUICK);
        let mut budget = Budget::new(time, stopped);
        if self.scan != Scan::Off {
            for top in &self.tops {
                found.top = top;
                tree::walk(top, Below::default(), &mut budget, &mut found);
            }
            found.other_names(budget.sufficed());
        }
        let mut items: Vec<Item> = found.items.into_values().flatten().collect();
        items.sort();
        items.dedup_by(|a, b| (a.kind, &a.path) == (b.kind, &b.path));
        let scan = Scanned {
            mode: self.scan,
            seen: budget.seen,
            complete: budget.sufficed(),
        };
        Report {
            scan,
            items,
            ..self.nothing(status)
        }
    }

    /// What is said of a session that did not begin.
    #[must_use]
    pub fn nothing(&self, status: u8) -> Report {
        let scan = Scanned {
            mode: self.scan,
            seen: 0,
            complete: true,
        };
        Report {
            version: report::VERSION,
            project: self.project.clone(),
            status,
            scan,
            items: Vec::new(),
            limits: Vec::new(),
            refused_targets: Vec::new(),
            network_lost: None,
            login: Vec::new(),
        }
    }

    /// As a person knows it: from the project's root where it lies there.
    fn shown(&self, path: &Path) -> Text {
        path.strip_prefix(&self.project).unwrap_or(path).into()
    }
}

/// What a folder hands down: the git folder around it.
type Below = Option<Rc<GitFolder>>;

struct GitFolder {
    /// How many names its path has.
    names: usize,
    /// Whether it is the project's.
    own: bool,
    /// The current branch.
    head: PathBuf,
}

/// What was found so far.
struct Found<'a> {
    before: &'a Before,
    items: BTreeMap<Kind, Vec<Item>>,
    /// Places of the list: what is to say about them is said.
    decided: BTreeSet<PathBuf>,
    /// Changed files with more than one name: how many there are, how many were seen, and one of them.
    names: HashMap<(u64, u64), (u64, u64, PathBuf)>,
    top: &'a Path,
}

impl Found<'_> {
    fn add(&mut self, item: Item) {
        let kept = self.items.entry(item.kind).or_default();
        if kept.len() < MOST {
            kept.push(item);
        }
    }

    /// The places of the list, as they were and as they are.
    fn compare(&mut self, stopped: &dyn Fn() -> bool) {
        let before = self.before;
        let then = &before.places;
        let now = before.look(stopped);
        let places: BTreeSet<&PathBuf> = then.prints.keys().chain(now.prints.keys()).collect();
        let is_known = |place: &&PathBuf| {
            let mut cut = then.cut.iter().chain(&now.cut);
            !cut.any(|folder| place.starts_with(folder))
        };
        for place in places.into_iter().filter(is_known) {
            let change = match (then.prints.get(place), now.prints.get(place)) {
                (None, Some(_)) => Some(Change::Appeared),
                (Some(_), None) => Some(Change::Gone),
                (then, now) => (then != now).then_some(Change::Changed),
            };
            let in_git = place.strip_prefix(&before.git).ok();
            let path = place.strip_prefix(&before.project).unwrap_or(place);
            let nature = Nature {
                link: true,
                program: true,
            };
            let by = report::run_by(path, in_git, nature);
            if let (Some(change), Some(by)) = (change, by) {
                self.add(report::item(
                    Kind::HostRuns,
                    before.shown(place),
                    change,
                    by,
                ));
            }
            self.decided.insert(place.clone());
        }
    }

    fn since(&self, stat: &FileStat) -> bool {
        changed(stat) >= self.before.began
    }

    fn touched(&mut self, kind: Kind, at: &Path, by: &str) {
        let path = self.before.shown(at);
        self.add(report::item(kind, path, Change::Touched, by));
    }

    /// A file or link that changed.
    fn judge(&mut self, entry: &Entry<'_>, stat: &FileStat, git: Option<&GitFolder>) {
        let path = entry.path();
        let at = self.top.join(&path);
        self.judge_kind(entry, stat, &at);
        let in_git = git.map(|git| path.iter().skip(git.names).collect::<PathBuf>());
        if let (Some(git), Some(in_git)) = (git, &in_git) {
            if let Some((kind, by)) = report::of_git(in_git, &git.head) {
                return self.touched(kind, &at, by);
            }
            if !git.own && in_git == Path::new("config") {
                let folder = at.parent().unwrap_or(&at).to_owned();
                return self.touched(Kind::Repository, &folder, "git, by whoever asks it there");
            }
        }
        let nature = Nature {
            link: is_kind(stat, SFlag::S_IFLNK),
            program: stat.st_mode & 0o111 != 0,
        };
        if !self.decided.contains(&at)
            && let Some(by) = report::run_by(&path, in_git.as_deref(), nature)
        {
            self.touched(Kind::HostRuns, &at, by);
        }
    }

    /// What it is, whatever its name.
    fn judge_kind(&mut self, entry: &Entry<'_>, stat: &FileStat, at: &Path) {
        let kind = SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits());
        match kind {
            SFlag::S_IFREG => {
                if stat.st_mode & 0o6000 != 0 {
                    let by = "whoever runs it gets the rights of its owner or group";
                    self.touched(Kind::SetId, at, by);
                }
                if stat.st_nlink > 1 {
                    let names = self.names.entry((stat.st_dev, stat.st_ino));
                    let names = names.or_insert((stat.st_nlink, 0, at.to_owned()));
                    names.1 += 1;
                }
            }
            SFlag::S_IFLNK => {
                let Some(target) = entry.target() else { return };
                let read = |path: &Path| fs::read_link(path).ok().map(OsString::from);
                if report::leads_out(self.top, at, Path::new(&target), read) {
                    let by = "what reads or writes it does so there";
                    let mut item =
                        report::item(Kind::LinkOut, self.before.shown(at), Change::Touched, by);
                    item.target = Some(target.into());
                    self.add(item);
                }
            }
            SFlag::S_IFIFO => self.touched(Kind::Special, at, "a FIFO: who reads it waits"),
            SFlag::S_IFSOCK => self.touched(Kind::Special, at, "a socket"),
            SFlag::S_IFCHR | SFlag::S_IFBLK => self.touched(Kind::Special, at, "a device"),
            _ => {}
        }
    }

    /// A git folder: its branch, and where it takes objects from.
    fn git_folder(&mut self, folder: &Path) -> GitFolder {
        let at = self.top.join(folder);
        let head = small(&at.join("HEAD")).map_or_else(Vec::new, |(head, _)| head);
        let head = head.strip_prefix(b"ref: ").unwrap_or_default();
        let alternates = at.join("objects/info/alternates");
        let read = |path: &Path| fs::read_link(path).ok().map(OsString::from);
        if let Some((lines, stat)) = small(&alternates)
            && self.since(&stat)
            && report::borrows_outside(self.top, &at.join("objects"), &lines, read)
        {
            let by = "git takes objects from elsewhere";
            self.touched(Kind::Alternates, &alternates, by);
        }
        GitFolder {
            names: folder.iter().count(),
            own: at == self.before.git,
            head: Path::new(OsStr::from_bytes(head.trim_ascii_end())).to_owned(),
        }
    }

    /// Files that changed and have a name that was not seen. Where not everything was seen, that says nothing.
    fn other_names(&mut self, all_seen: bool) {
        let names = std::mem::take(&mut self.names);
        for (there, seen, at) in names.into_values() {
            if all_seen && seen < there {
                self.touched(Kind::OtherName, &at, "the same file has a name elsewhere");
            }
        }
    }
}

impl Visitor for Found<'_> {
    type Inherited = Below;

    fn enter(&mut self, folder: &Path, names: &[(OsString, bool)], from_above: &Below) -> Below {
        let named = folder
            .file_name()
            .is_some_and(|name| folded(name) == ".git");
        if named || report::is_git(names.iter().map(|(name, _)| name.as_os_str())) {
            return Some(Rc::new(self.git_folder(folder)));
        }
        from_above.clone()
    }

    fn see(&mut self, entry: &Entry<'_>, below: &Below) -> Option<Below> {
        if entry.is_folder {
            let is_top = |git: &Rc<GitFolder>| git.names == entry.folder.iter().count();
            let objects = entry.name == "objects" && below.as_ref().is_some_and(is_top);
            let skipped = objects && self.before.scan == Scan::Quick;
            return (!skipped).then(|| below.clone());
        }
        if let Ok(stat) = entry.stat()
            && self.since(&stat)
        {
            self.judge(entry, &stat, below.as_deref());
        }
        None
    }

    fn closed(&mut self, folder: &Path, error: Errno) {
        if error == Errno::EXDEV {
            return;
        }
        let at = self.top.join(folder);
        let changed = fs::symlink_metadata(&at)
            .map(|there| (there.ctime(), there.ctime_nsec()) >= self.before.began);
        // What was closed before was not closed by the session; what is too deep cannot be looked at by its path.
        if changed.unwrap_or(true) {
            let why = format!("it cannot be looked into: {}", error.desc());
            self.touched(Kind::Closed, &at, &why);
        }
    }
}
