//! Owns where the caller stands: the project's root, and its git folder, found by reading files. git is never run here.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::host_runs::{self, HostRun};
use super::{FactsError, real};
use crate::text::Text;

/// The project, and where in it the caller stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// The folder that enters read-write: the top of the working tree, or the working folder itself.
    pub root: Text,
    /// The working folder, all links followed.
    pub cwd: Text,
    /// Its git folder.
    pub git: Git,
    /// What of it the host runs, now or later, and what of that is guarded.
    #[serde(default)]
    pub host_runs: Vec<HostRun>,
}

/// What `.git` of the project is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Git {
    /// Not a repository.
    None,
    /// A folder inside the project.
    Inside,
    /// A linked worktree or a submodule, whose git folder names this project back: a commit needs it.
    Linked(GitLink),
    /// There is one, and it is not opened, for this reason.
    Left(String),
}

/// The git folder of a linked worktree or a submodule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitLink {
    /// The folder that is bound: the common git folder of a worktree, the module's folder of a submodule.
    pub common: Text,
    /// Whether it is a worktree (else a submodule).
    pub worktree: bool,
}

impl Project {
    /// `git_config` are the user's own configurations of git.
    pub(super) fn read(cwd: &Path, home: &Text, git_config: &[Text]) -> Result<Self, FactsError> {
        let cwd = fs::canonicalize(cwd).map_err(FactsError::NoWorkingFolder)?;
        fs::read_dir(&cwd).map_err(FactsError::NoWorkingFolder)?;
        let (root, git) = top(&cwd, home);
        let host_runs = host_runs::all(root, &git, home.path(), git_config);
        Ok(Self {
            root: root.into(),
            cwd: cwd.as_path().into(),
            git,
            host_runs,
        })
    }
}

/// The top of the working tree around `cwd`, or `cwd` itself.
fn top<'a>(cwd: &'a Path, home: &Text) -> (&'a Path, Git) {
    let has_git = |folder: &&Path| fs::symlink_metadata(folder.join(".git")).is_ok();
    let Some(top) = cwd.ancestors().find(has_git) else {
        return (cwd, Git::None);
    };
    // A repository around the home folder (dotfiles in git) must not make the home folder the project.
    if home.path().starts_with(top) {
        let why = format!(
            "the repository at {} is around the home folder and stays outside",
            Text::from(top)
        );
        return (cwd, Git::Left(why));
    }
    match read_dot_git(top) {
        Ok(git) => (top, git),
        Err(error) => (top, Git::Left(format!(".git cannot be read: {error}"))),
    }
}

/// What `.git` in `top` is (gitrepository-layout(5), git-worktree(1) DETAILS, gitsubmodules(7)).
fn read_dot_git(top: &Path) -> io::Result<Git> {
    let dot_git = top.join(".git");
    let kind = fs::symlink_metadata(&dot_git)?.file_type();
    if kind.is_dir() {
        return Ok(Git::Inside);
    }
    if kind.is_symlink() {
        return Ok(Git::Left(".git is a symbolic link".into()));
    }
    let Some(pointer) =
        first_line(&dot_git)?.and_then(|line| line.strip_prefix("gitdir: ").map(PathBuf::from))
    else {
        return Ok(Git::Left(".git is a file without `gitdir:`".into()));
    };
    let Ok(folder) = fs::canonicalize(top.join(&pointer)) else {
        return Ok(Git::Left(format!(
            ".git points to {}, which is not there",
            Text::from(pointer)
        )));
    };
    if folder.starts_with(top) {
        return Ok(Git::Inside);
    }
    // The pointer is a file that the agent can write. It counts only where the folder that it names, which an
    // agent in this project cannot write, names this project in turn.
    if let Some(back) = first_line(&folder.join("gitdir"))? {
        let common = first_line(&folder.join("commondir"))?.map(|common| folder.join(common));
        let common = common.and_then(|common| fs::canonicalize(common).ok());
        let registered = fs::canonicalize(folder.join(back)).is_ok_and(|back| back == dot_git);
        return Ok(match common {
            Some(common)
                if registered
                    && folder.parent() == Some(&common.join("worktrees"))
                    && is_git_folder(&common) =>
            {
                Git::Linked(GitLink {
                    common: common.into(),
                    worktree: true,
                })
            }
            _ => Git::Left(format!(
                "{} is not a worktree folder of this project",
                Text::from(folder)
            )),
        });
    }
    let config = match super::Content::read(&folder.join("config")) {
        super::Content::Bytes(config) => config.to_string_lossy().into_owned(),
        super::Content::Absent | super::Content::Refused(_) => String::new(),
    };
    let mut worktree = None;
    crate::gitconfig::each(&config, |section, key, value| {
        if section == "core" && key == "worktree" {
            worktree = Some(folder.join(value));
        }
    });
    let named_back = worktree
        .and_then(|tree| fs::canonicalize(tree).ok())
        .is_some_and(|tree| tree == top);
    // `.git/modules/NAME`, or `.git/worktrees/TREE/modules/NAME` for a submodule of a linked worktree.
    let above = folder
        .ancestors()
        .skip(1)
        .find(|above| is_git_folder(above));
    let below = above.and_then(|above| folder.strip_prefix(above).ok());
    let module =
        below.is_some_and(|below| below.components().any(|part| part.as_os_str() == "modules"));
    Ok(if named_back && module {
        Git::Linked(GitLink {
            common: real(&folder),
            worktree: false,
        })
    } else {
        Git::Left(unnamed(folder.as_path().into(), is_git_folder(&folder)))
    })
}

/// Of a git folder elsewhere (git-init(1), --separate-git-dir) nothing but the pointer says that it is this project's.
fn unnamed(folder: Text, is_git_folder: bool) -> String {
    if is_git_folder {
        return format!(
            "{folder} does not name this project back, so it stays outside; only if it is this project's own: --mount {folder}:rw"
        );
    }
    format!("{folder} does not name this project back")
}

/// Whether git takes it for a git folder (gitrepository-layout(5)). A folder that is none registers nothing: an earlier session
/// that could write a folder called `worktrees` would else open the one around it.
pub(super) fn is_git_folder(folder: &Path) -> bool {
    let is_folder = |name| fs::metadata(folder.join(name)).is_ok_and(|found| found.is_dir());
    is_folder("objects") && is_folder("refs") && fs::symlink_metadata(folder.join("HEAD")).is_ok()
}

/// The git folder that the pointer in `top` names, whoever wrote it.
pub(super) fn pointed(top: &Path) -> Option<PathBuf> {
    let pointer = first_line(&top.join(".git")).ok()??;
    let folder = fs::canonicalize(top.join(pointer.strip_prefix("gitdir: ")?)).ok()?;
    is_git_folder(&folder).then_some(folder)
}

/// The first line of a small file; `None` where the file is not there.
pub(super) fn first_line(path: &Path) -> io::Result<Option<String>> {
    match super::Content::read(path) {
        super::Content::Bytes(bytes) => {
            let line = bytes
                .to_string_lossy()
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned();
            Ok(Some(line))
        }
        super::Content::Absent => Ok(None),
        super::Content::Refused(why) => Err(io::Error::other(why)),
    }
}
