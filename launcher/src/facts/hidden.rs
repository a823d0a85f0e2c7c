//! Owns finding everything that `--hide` names, under every name it has (FS-J). Unlike a look for secrets this is complete or an
//! error: what was not found would be readable.
//!
//! A file has as many names as stat(2) says. All are looked for in everything that is shown of the caller's: a name outside of it
//! cannot be told from one that a grant shows under another path, so a launch ends where one is missing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::stat::{SFlag, stat};
use serde::{Deserialize, Serialize};

use super::tree::{self, Budget, Entry, Visitor, is_kind};
use super::walk::Walk;
use crate::glob::Glob;
use crate::text::Text;

/// How long it may take. Then the launch ends.
const LIMIT: Duration = Duration::from_secs(10);

/// What the patterns name on this host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hidden {
    /// Every name, parents first, by its real path.
    pub paths: Vec<HiddenPath>,
    /// Why they are not all.
    pub refused: Option<String>,
}

/// One name of something that is to be hidden.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HiddenPath {
    /// Where it lies.
    pub path: Text,
    /// Whether it is a folder.
    pub folder: bool,
    /// The pattern that names it; `None` where it is another name of what one names.
    pub pattern: Option<Text>,
}

/// Device and inode.
type Id = (u64, u64);

impl Hidden {
    /// Looks for `patterns` in the `tops`, the project first. Patterns that are none are `config`'s to refuse.
    pub(super) fn look(patterns: &[Text], tops: &[PathBuf], uid: u32) -> Self {
        let globs = patterns
            .iter()
            .filter_map(|pattern| Some((Glob::parse(pattern).ok()?, pattern)));
        let globs: Vec<(Glob, &Text)> = globs.collect();
        if globs.is_empty() {
            return Self::default();
        }
        let mut search = Search {
            globs,
            uid,
            top: PathBuf::new(),
            found: BTreeMap::new(),
            links: Vec::new(),
            ids: HashMap::new(),
            names: BTreeMap::new(),
            shown: tops,
            tops: tops.to_vec(),
            refused: None,
            pass: Pass::Names,
        };
        let mut budget = Budget::new(Some(LIMIT), &|| false);
        for pass in [Pass::Names, Pass::Inside, Pass::OtherNames] {
            search.pass = pass;
            search.walk(&mut budget);
            if pass == Pass::Names {
                search.follow_links();
            }
            if search.found.is_empty() {
                break;
            }
        }
        search.count();
        if !budget.sufficed() {
            search.refused = Some(format!(
                "the project could not be looked through within {} s",
                LIMIT.as_secs()
            ));
        }
        let mut paths: Vec<HiddenPath> = Vec::new();
        for (path, (folder, pattern)) in search.found {
            let below = paths
                .iter()
                .any(|above| above.folder && path.starts_with(&above.path));
            if !below {
                let path = path.into();
                paths.push(HiddenPath {
                    path,
                    folder,
                    pattern,
                });
            }
        }
        Self {
            paths,
            refused: search.refused,
        }
    }
}

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// What the patterns name.
    Names,
    /// The files in folders that they name.
    Inside,
    /// Other names of these.
    OtherNames,
}

struct Search<'a> {
    globs: Vec<(Glob, &'a Text)>,
    uid: u32,
    top: PathBuf,
    /// Whether it is a folder, and which pattern names it.
    found: BTreeMap<PathBuf, (bool, Option<Text>)>,
    links: Vec<(PathBuf, Text)>,
    /// What is hidden, how many names each has, and one of them.
    ids: HashMap<Id, (u64, PathBuf)>,
    /// The names of these that were seen.
    names: BTreeMap<Id, BTreeSet<PathBuf>>,
    /// What is shown of the caller's.
    shown: &'a [PathBuf],
    /// The same, and what is mounted in it.
    tops: Vec<PathBuf>,
    refused: Option<String>,
    pass: Pass,
}

impl Search<'_> {
    /// All tops; another file system that is mounted in one is one more.
    fn walk(&mut self, budget: &mut Budget<'_>) {
        let mut next = 0;
        while let Some(top) = self.tops.get(next).cloned() {
            next += 1;
            if fs::metadata(&top).is_ok_and(|top| top.is_dir()) {
                self.top.clone_from(&top);
                tree::walk(&top, (), budget, self);
            } else if self.pass != Pass::Inside {
                self.file(&top);
            }
        }
    }

    /// A top that is a file: it may be another name.
    fn file(&mut self, at: &Path) {
        if let Ok(there) = fs::symlink_metadata(at) {
            self.identify((there.dev(), there.ino()), there.nlink(), at, false);
        }
    }

    /// Where a link leads that a pattern names, that is meant.
    fn follow_links(&mut self) {
        let mut walk = Walk::default();
        for (link, pattern) in std::mem::take(&mut self.links) {
            let real = walk.follow(&link).real;
            let shown = self.tops.iter().any(|top| real.starts_with(top));
            if let Some(there) = fs::symlink_metadata(&real).ok().filter(|_| shown) {
                let id = (there.dev(), there.ino());
                self.hide(real, there.is_dir(), Some(pattern), id, there.nlink());
            }
        }
    }

    fn hide(&mut self, at: PathBuf, folder: bool, pattern: Option<Text>, id: Id, names: u64) {
        self.ids.entry(id).or_insert((names, at.clone()));
        self.names.entry(id).or_default().insert(at.clone());
        self.found.entry(at).or_insert((folder, pattern));
    }

    /// Whether something of the last pass is another name of what is hidden.
    fn identify(&mut self, id: Id, names: u64, at: &Path, folder: bool) {
        match self.pass {
            Pass::Names => {}
            Pass::Inside => {
                self.ids.entry(id).or_insert((names, at.to_owned()));
                self.names.entry(id).or_default().insert(at.to_owned());
            }
            Pass::OtherNames if self.ids.contains_key(&id) && !self.is_below_hidden(at) => {
                self.hide(at.to_owned(), folder, None, id, names);
            }
            Pass::OtherNames => {}
        }
    }

    fn is_below_hidden(&self, at: &Path) -> bool {
        let above = at.ancestors().skip(1);
        above
            .into_iter()
            .any(|folder| self.found.get(folder).is_some_and(|(folder, _)| *folder))
    }

    /// All names of a file must have been seen. Folders have one name, and as many more as they hold folders.
    fn count(&mut self) {
        for (id, (there, at)) in &self.ids {
            let seen = self.names.get(id).map_or(0, BTreeSet::len) as u64;
            let folder = self.found.get(at).is_some_and(|(folder, _)| *folder);
            if !folder && seen < *there && self.refused.is_none() {
                self.refused = Some(format!(
                    "{} has {there} names, and {} of them lie outside of what was looked through",
                    Text::from(at.as_path()),
                    there - seen
                ));
            }
        }
    }
}

impl Visitor for Search<'_> {
    type Inherited = ();

    fn enter(&mut self, _: &Path, _: &[(OsString, bool)], (): &()) {}

    fn see(&mut self, entry: &Entry<'_>, (): &()) -> Option<()> {
        let path = entry.path();
        let at = self.top.join(&path);
        if self.shown.contains(&at) {
            return None;
        }
        let below = self.shown.iter().find_map(|top| at.strip_prefix(top).ok());
        let below = below.unwrap_or(&path);
        let named = self.globs.iter().find(|(glob, _)| glob.names(below));
        let pattern = named.map(|(_, pattern)| (*pattern).clone());
        let wanted = match self.pass {
            Pass::Names => pattern.is_some(),
            Pass::Inside => !entry.is_folder && self.is_below_hidden(&at),
            Pass::OtherNames => true,
        };
        if wanted {
            let stat = match entry.stat() {
                Ok(stat) => stat,
                Err(Errno::ENOENT) => return None,
                Err(error) => {
                    self.closed(&path, error);
                    return None;
                }
            };
            let id = (stat.st_dev, stat.st_ino);
            match pattern.filter(|_| self.pass == Pass::Names) {
                Some(pattern) if is_kind(&stat, SFlag::S_IFLNK) => self.links.push((at, pattern)),
                Some(pattern) => {
                    self.hide(at, entry.is_folder, Some(pattern), id, stat.st_nlink);
                }
                None => self.identify(id, stat.st_nlink, &at, entry.is_folder),
            }
        }
        (!self.tops.contains(&self.top.join(path))).then_some(())
    }

    fn closed(&mut self, folder: &Path, error: Errno) {
        let at = self.top.join(folder);
        if error == Errno::EXDEV {
            self.tops.push(at);
            return;
        }
        // What is another's and closed is closed inside too, as nobody else is who runs there.
        let others =
            stat(&at).is_ok_and(|there| there.st_uid != self.uid && error == Errno::EACCES);
        if !others && self.refused.is_none() {
            self.refused = Some(format!(
                "{} could not be looked into: {}",
                Text::from(at),
                error.desc()
            ));
        }
    }
}
