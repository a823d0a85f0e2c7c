//! Owns finding what of the project the host runs (FS-I): the fixed names of [`crate::hostrun`], and what lies in git's own
//! folders, within a budget. Nothing here follows a link: what is a link, or is reached through one, is named and not guarded.
//!
//! The size of the project does not count: only those names are looked up, and of `worktrees` and `modules` what is there.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Git;
use super::identity::git_file;
use super::own_files::following;
use super::project::{first_line, is_git_folder, pointed};
use super::walk::{End, Walk};
use crate::hostrun::{Base, LIST};
use crate::text::Text;

/// Something in the project that a program of the host runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostRun {
    /// Its path in the project, or an absolute one.
    pub path: Text,
    /// Who runs it.
    pub by: String,
    /// What is done about it.
    #[serde(default)]
    pub guard: HostGuard,
    /// What is read inside in its place. It may hold a password in a URL: nothing prints it.
    #[serde(default, skip_serializing)]
    pub instead: Option<Text>,
}

/// What is done about something that the host runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostGuard {
    /// It is the agent's to write.
    #[default]
    Open,
    /// It is read-only inside.
    ReadOnly,
    /// It can be written, below something that is read-only: a git folder in `modules`.
    Reopened,
    /// It would be read-only, but cannot be, for this reason.
    Left(String),
    /// It is unreadable inside, and cannot be written. Facts never say so: the plan does.
    Hidden,
}

/// How many mounts there may be, about: each is pinned by a descriptor of the launcher (RES-11).
const MOST: usize = 256;

/// How many names in git's own folders are looked at.
const NAMES: usize = 4096;

/// What of the project below `root` the host runs.
pub(super) fn all(root: &Path, git: &Git, home: &Path, git_config: &[Text]) -> Vec<HostRun> {
    let mut search = Search {
        root,
        walk: Walk::default(),
        found: BTreeMap::new(),
        names: NAMES,
    };
    for entry in LIST
        .iter()
        .filter(|entry| entry.base == Base::Project && !entry.pattern.contains('*'))
    {
        let path = root.join(entry.pattern);
        // As a folder it is git's; as a link it was said to be none.
        let is_pointer = || fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
        if entry.pattern != ".git" || is_pointer() {
            search.note(path, entry.what, entry.guarded);
        }
    }
    if let Some(folder) = git_folder(root, git) {
        search.git(&folder);
        search.named(&folder, home, git_config);
        search.worktrees(&folder, root);
        search.modules(&folder);
    }
    search.found.into_values().collect()
}

/// The git folder that git finds from `root`; for a worktree the common one.
fn git_folder(root: &Path, git: &Git) -> Option<PathBuf> {
    match git {
        // A bare repository, whatever lies around it.
        Git::None | Git::Left(_) if is_git_folder(root) => Some(root.to_owned()),
        Git::None => None,
        // It is not bound. Where a grant shows it, it is guarded.
        Git::Left(_) => pointed(root),
        Git::Linked(link) => Some(link.common.path().to_owned()),
        Git::Inside => {
            let dot_git = root.join(".git");
            if fs::symlink_metadata(&dot_git).ok()?.is_dir() {
                return Some(dot_git);
            }
            let pointer = first_line(&dot_git).ok()??;
            fs::canonicalize(root.join(pointer.strip_prefix("gitdir: ")?)).ok()
        }
    }
}

struct Search<'a> {
    root: &'a Path,
    walk: Walk,
    found: BTreeMap<PathBuf, HostRun>,
    /// How many names may still be looked at.
    names: usize,
}

impl Search<'_> {
    /// Notes what lies at `path`, if something does.
    fn note(&mut self, path: PathBuf, by: &str, guarded: bool) {
        let Ok(there) = fs::symlink_metadata(&path) else {
            return;
        };
        let linked = !self.walk.follow(&path).links.is_empty();
        let mut by = by.to_owned();
        let guard = if !guarded {
            HostGuard::Open
        } else if linked {
            HostGuard::Left("a link is there, or on its way".into())
        } else if !there.is_dir() && !there.is_file() {
            HostGuard::Left("it is neither a file nor a folder".into())
        } else {
            if there.is_file() && there.nlink() > 1 {
                by += "; the file has a second name, which may be writable";
            }
            HostGuard::ReadOnly
        };
        self.add(path, by, guard);
    }

    /// The first to name a path says what becomes of it, but what is guarded stays so.
    fn add(&mut self, path: PathBuf, by: String, guard: HostGuard) {
        let shown = match path.strip_prefix(self.root) {
            Ok(rest) if rest != Path::new("") => rest.into(),
            _ => path.as_path().into(),
        };
        let known = self.found.get(&path).map(|run| &run.guard);
        if known.is_none_or(|known| *known == HostGuard::Open) {
            let run = HostRun {
                path: shown,
                by,
                guard,
                instead: None,
            };
            self.found.insert(path, run);
        }
    }

    /// The fixed names of one git folder; `worktrees` and `modules` are looked into elsewhere.
    fn git(&mut self, folder: &Path) {
        for entry in LIST {
            let inner = entry.pattern.contains('*') || entry.pattern == "modules";
            let told = entry.guarded || entry.pattern.ends_with("alternates");
            if entry.base == Base::Git && !inner && told {
                self.note(folder.join(entry.pattern), entry.what, entry.guarded);
            }
        }
    }

    /// What the configurations of git name in the tree: the folder of hooks, and files that are included (PER-08). A
    /// condition is taken as met: it depends on what changes.
    fn named(&mut self, folder: &Path, home: &Path, git_config: &[Text]) {
        let mut included = Vec::new();
        let mut hooks = Vec::new();
        let own = ["config", "config.worktree"].map(|name| folder.join(name));
        let users = git_config.iter().map(|file| file.path().to_owned());
        for file in users.chain(own) {
            let read = |path: &Path| {
                included.push(path.to_owned());
                // What the agent can write is followed nowhere.
                if path.starts_with(self.root) || path.starts_with(folder) {
                    git_file(path)
                } else {
                    git_file(&following(path))
                }
            };
            crate::gitconfig::follow(&file, home, true, read, |section, key, value| {
                if section == "core" && key == "hookspath" {
                    hooks.push(value.to_owned());
                }
            });
        }
        for file in included {
            self.end(&file, "git, which includes it");
        }
        for value in hooks {
            let path = match value.strip_prefix("~/") {
                Some(rest) => home.join(rest),
                None => self.root.join(&value),
            };
            self.end(&path, "git, as core.hooksPath names it");
        }
    }

    /// Notes where `path` ends, if that is in the project, and each link of the project on the way: whoever writes the project
    /// can lead it elsewhere.
    fn end(&mut self, path: &Path, by: &str) {
        let End { real, links } = self.walk.follow(path);
        let in_project = |link: &&Text| link.path().starts_with(self.root);
        let links: Vec<PathBuf> = links
            .iter()
            .filter(in_project)
            .map(|link| link.path().to_owned())
            .collect();
        for link in links {
            self.note(link, by, true);
        }
        if self.root.starts_with(&real) {
            let why = "the whole project would be read-only";
            self.add(real, by.into(), HostGuard::Left(why.into()));
        } else if real.starts_with(self.root) {
            self.note(real, by, true);
        }
    }

    /// Linked worktrees of `folder`: what leads git from each to its configuration. Its own is needed by this project.
    fn worktrees(&mut self, folder: &Path, root: &Path) {
        let all = folder.join("worktrees");
        let Some(names) = self.folders(&all) else {
            return self.close(all, "git in linked worktrees; too many to guard each");
        };
        if self.found.len() + names.len() * 4 > MOST {
            let of_this = |name: &&PathBuf| {
                let back = first_line(&name.join("gitdir")).ok().flatten();
                back.is_some_and(|back| Path::new(&back) == root.join(".git"))
            };
            for own in names.iter().filter(of_this) {
                self.add(
                    own.clone(),
                    "git in this worktree".into(),
                    HostGuard::Reopened,
                );
                self.worktree(own);
            }
            return self.close(all, "git in linked worktrees; too many to guard each");
        }
        for name in names {
            self.worktree(&name);
        }
    }

    fn worktree(&mut self, folder: &Path) {
        for entry in LIST.iter().filter(|entry| entry.base == Base::Git) {
            if let Some(name) = entry.pattern.strip_prefix("worktrees/*/") {
                self.note(folder.join(name), entry.what, entry.guarded);
            }
        }
    }

    /// Git folders of submodules, at any depth (PER-06): `modules` is read-only, so that none is added, and each git folder
    /// in it can be written but for what the host runs. Too many of them, and nothing in it can be written.
    fn modules(&mut self, folder: &Path) {
        let all = folder.join("modules");
        if fs::symlink_metadata(&all).is_err() {
            return;
        }
        let before = self.found.clone();
        let mut count = 0;
        let within = self.modules_in(&all, &mut count);
        if within.is_none() || self.found.len() > MOST {
            self.found = before;
            return self.close(all, "git in submodules; too many to guard each");
        }
        self.note(all, &format!("git, in {count} submodules"), true);
    }

    fn modules_in(&mut self, folder: &Path, count: &mut usize) -> Option<()> {
        for inner in self.folders(folder)? {
            if is_git_folder(&inner) {
                *count += 1;
                self.add(
                    inner.clone(),
                    "git in a submodule".into(),
                    HostGuard::Reopened,
                );
                self.git(&inner);
                self.without_worktree(&inner.join("config"));
                self.worktrees(&inner, self.root);
                let nested = inner.join("modules");
                if fs::symlink_metadata(&nested).is_ok() {
                    self.note(nested.clone(), "git in a submodule", true);
                    self.modules_in(&nested, count)?;
                }
            } else {
                self.modules_in(&inner, count)?;
            }
            if self.found.len() > MOST {
                return None;
            }
        }
        Some(())
    }

    /// `git submodule update` writes `core.worktree` anew wherever a submodule's configuration has it (ensure_core_worktree() in
    /// builtin/submodule--helper.c), and a rename over a mount is refused. Without it git needs none: the pointer `.git` in the
    /// submodule says where the work tree is (gitrepository-layout(5)).
    fn without_worktree(&mut self, config: &Path) {
        let run = self.found.get_mut(config);
        if let Some(run) = run.filter(|run| run.guard == HostGuard::ReadOnly) {
            let text = super::before::small(config).map(|(text, _)| text);
            let text = text.and_then(|text| String::from_utf8(text).ok());
            let text = text.and_then(|text| crate::gitconfig::without_worktree(&text));
            run.instead = text.map(Text::from);
        }
    }

    /// What is there is read-only as a whole.
    fn close(&mut self, folder: PathBuf, by: &str) {
        self.note(folder, &format!("{by}, so read-only as a whole"), true);
    }

    /// The folders in `folder`, without links; `None` where there are too many names.
    fn folders(&mut self, folder: &Path) -> Option<Vec<PathBuf>> {
        let plain = fs::symlink_metadata(folder).is_ok_and(|found| found.is_dir());
        let Ok(entries) = fs::read_dir(folder) else {
            return Some(Vec::new());
        };
        let mut found = Vec::new();
        for entry in entries.flatten().filter(|_| plain) {
            self.names = self.names.checked_sub(1)?;
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                found.push(entry.path());
            }
        }
        found.sort_unstable();
        Some(found)
    }
}
