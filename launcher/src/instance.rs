//! Owns what an instance is: the state of the agent that belongs to one project, kept from session to session (INST-01..04), and
//! what of the user's own Claude Code is seen beside it (AUTH-04). Pure, but for the modules below, which open, list and remove.
//!
//! An instance is a folder in `~/.claudebox/projects/`: `project-root` names whose it is, `lock` says whether a session runs, and
//! `claude/` is what a session has at `~/.claude`. `claude/.claude.json` is what `~/.claude.json` leads to inside: the client writes
//! it by a new file and a rename beside the end of the link, so that two sessions never see half of it. A bind mount of the file
//! alone would forbid the rename, and the client would then write in place.

mod error;
mod folder;
mod list;
mod login;
mod open;
mod refresh;
mod remove;
mod said;
mod seed;
mod settings;

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use self::error::InstanceError;
pub use self::list::{Instance, Verdict, all, collect};
pub use self::login::Shared;
pub use self::open::{Open, open};
pub use self::remove::reset;
pub use self::said::{render, to_json};
pub use self::seed::Seed;
pub use self::settings::Settings;
use crate::facts::{Facts, Git, Project};
use crate::login::OnHost;
use crate::text::Text;

/// The folder of all instances, in claudebox's own.
pub const PROJECTS: &str = "projects";
/// What a session has at `~/.claude`.
pub const CLAUDE: &str = "claude";
/// Whose it is.
pub const ROOT: &str = "project-root";
/// Shared by who runs in it, exclusive for who removes it (flock(2)).
pub const LOCK: &str = "lock";
/// Which folder the root was when it was last used: inode and time of birth.
pub const IDENTITY: &str = "project-identity";
/// What the launcher has made of the user's files for its sessions, by what it holds.
pub const VIEWS: &str = "views";
/// What `~/.claude.json` leads to, in [`CLAUDE`].
pub const CLAUDE_JSON: &str = ".claude.json";
/// The login, in [`CLAUDE`] and in the user's own `~/.claude`.
pub const CREDENTIALS: &str = ".credentials.json";
/// A login that was made inside, in claudebox's own folder, where the host has none.
pub const LOGIN: &str = "login.json";

/// Something of the user's own `~/.claude` that a session sees, read-only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// Its name there.
    pub name: &'static str,
    /// Whether it is a folder.
    pub folder: bool,
    /// Why it is seen.
    pub why: &'static str,
    /// What lies there where the user has none.
    pub nothing: &'static str,
}

/// All that is seen of it. Each name is a mount in every session, also where the user has nothing there: what is a mount cannot be
/// moved or removed (rename(2), EBUSY), so that no session can plant anything at the place of a mount of the next one (FS-G).
///
/// Never: `.credentials.json`, `history.jsonl`, `projects`, `todos`, `ide`, `shell-snapshots`, `statsig`, `file-history`, `debug`,
/// and whatever else this list does not name: logins, conversations, other projects, tokens of editors.
pub const SHOWN: [Shown; 9] = [
    shown(
        "settings.json",
        false,
        "your settings, without what looks like a secret",
        "{}\n",
    ),
    shown("CLAUDE.md", false, "your memory for every project", ""),
    shown("keybindings.json", false, "your keys", "{}\n"),
    shown("rules", true, "your memory by topic", ""),
    shown("commands", true, "your slash commands", ""),
    shown("agents", true, "your agents", ""),
    shown("skills", true, "your skills", ""),
    shown("output-styles", true, "your output styles", ""),
    shown("plugins", true, "your plugins", ""),
];

const fn shown(
    name: &'static str,
    folder: bool,
    why: &'static str,
    nothing: &'static str,
) -> Shown {
    Shown {
        name,
        folder,
        why,
        nothing,
    }
}

/// What the launcher sees to before bwrap mounts anything of an instance.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Keep {
    /// claudebox's own folder.
    pub home: Text,
    /// The root of the project, all links followed.
    pub root: Text,
    /// Which folder the root is now.
    #[serde(skip)]
    pub identity: String,
    /// What of the user's `~/.claude.json` it starts with. Not printed.
    #[serde(skip)]
    pub seed: Seed,
    /// Contents that lie in [`VIEWS`]. Not printed.
    #[serde(skip)]
    pub views: Vec<Text>,
}

impl std::fmt::Debug for Keep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keep")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

impl Keep {
    /// For the project of `facts`.
    #[must_use]
    pub fn of(facts: &Facts) -> Self {
        Self {
            home: facts.files.folder.clone(),
            root: root_of(&facts.project),
            identity: facts.claude.identity.clone(),
            seed: facts.claude.seed.clone(),
            views: Vec::new(),
        }
    }

    /// The instance's folder.
    #[must_use]
    pub fn folder(&self) -> Text {
        self.home.join(PROJECTS).join(key(&self.root))
    }

    /// Where a file with this content lies. By what it holds: a file that a running session has mounted is never replaced, which
    /// would leave it a file without a name, and the client does not read such (a realpath(3) that ends in ` (deleted)`).
    #[must_use]
    pub fn view(&self, content: &Text) -> Text {
        self.folder().join(VIEWS).join(key(content))
    }

    /// The folder that a session has at `~/.claude`.
    #[must_use]
    pub fn claude(&self) -> Text {
        self.folder().join(CLAUDE)
    }
}

/// The root by which a project is known (INST-02): the parent of its common git folder, so that its worktrees share one instance;
/// else the folder itself. What facts call linked is registered in that git folder, which no session of this project could write.
///
/// A common folder that is not called `.git` is a bare repository: then it stands for itself, as beside it there may be others.
#[must_use]
pub fn root_of(project: &Project) -> Text {
    match &project.git {
        Git::Linked(link) if link.worktree => match link.common.path().parent() {
            Some(parent) if link.common.path().ends_with(".git") => parent.into(),
            _ => link.common.clone(),
        },
        Git::Linked(_) | Git::None | Git::Inside | Git::Left(_) => project.root.clone(),
    }
}

/// The name of the instance's folder: the first 16 hexadecimal digits of the SHA-256 of the root.
#[must_use]
pub fn key(root: &Text) -> String {
    let digest = Sha256::digest(root.as_bytes());
    digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Whether `name` could be the name of an instance's folder.
fn is_key(name: &[u8]) -> bool {
    name.len() == 16
        && name
            .iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// What [`ROOT`] holds.
fn root_line(root: &Text) -> Vec<u8> {
    [root.as_bytes(), b"\n"].concat()
}

/// What lies at one of the names of [`SHOWN`] in the user's own folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Own {
    /// A folder, all links followed.
    Folder {
        /// Where.
        real: Text,
        /// Where links in it end that lead out of it: each is shown at its own place.
        ends: Vec<Text>,
    },
    /// A file.
    File {
        /// Where, all links followed.
        real: Text,
        /// What it holds.
        content: Text,
    },
    /// There is something, and it is not shown, for this reason.
    Left(String),
}

/// What of the user's own Claude Code there is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OwnClaude {
    /// By the names of [`SHOWN`]; a name that is missing is not there.
    pub shown: BTreeMap<String, Own>,
    /// What of `~/.claude.json` a session starts with.
    pub seed: Seed,
    /// Why there is nothing of it, where there is such a file.
    pub no_seed: Option<String>,
    /// Whether this project has an instance already.
    pub instance: bool,
    /// Which folder the root is: inode and time of birth.
    pub identity: String,
    /// Whether the instance was last used for another folder at this place.
    pub made_anew: bool,
    /// MCP servers that a session before has added for the next one, by name.
    pub servers: Vec<Text>,
    /// Links in shown folders that lead nowhere inside.
    pub dangling: Vec<Text>,
    /// The login.
    pub login: OnHost,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::GitLink;

    fn project(root: &str, git: Git) -> Project {
        Project {
            root: root.into(),
            cwd: root.into(),
            git,
            host_runs: Vec::new(),
        }
    }

    fn linked(common: &str, worktree: bool) -> Git {
        Git::Linked(GitLink {
            common: common.into(),
            worktree,
        })
    }

    #[test]
    fn worktrees_of_one_repository_have_one_root() {
        let main = root_of(&project("/p/app", Git::Inside));
        assert_eq!(main, "/p/app");
        assert_eq!(
            root_of(&project("/p/app-fix", linked("/p/app/.git", true))),
            main
        );
        // A bare repository is no neighbour of another one.
        assert_eq!(
            root_of(&project("/p/one", linked("/srv/one.git", true))),
            "/srv/one.git"
        );
        // A submodule is a project of its own.
        assert_eq!(
            root_of(&project(
                "/p/app/sub",
                linked("/p/app/.git/modules/sub", false)
            )),
            "/p/app/sub"
        );
        assert_eq!(
            root_of(&project("/p/left", Git::Left("odd".into()))),
            "/p/left"
        );
    }

    #[test]
    fn the_key_is_the_start_of_the_sha_256() {
        // printf %s /home/ann/app | sha256sum
        assert_eq!(key(&"/home/ann/app".into()), "c6e422ae6b09f558");
        assert!(is_key(key(&"/".into()).as_bytes()));
        assert!(!is_key(b"../../../../../x"));
    }

    #[test]
    fn nothing_that_holds_a_login_or_a_conversation_is_shown() {
        let never = [
            ".credentials.json",
            "history.jsonl",
            "projects",
            "todos",
            "ide",
            "shell-snapshots",
            "statsig",
            "file-history",
            "debug",
            "sessions",
            "settings.local.json",
            ".claude.json",
        ];
        for shown in SHOWN {
            assert!(
                !never.contains(&shown.name) && !shown.why.is_empty(),
                "{}",
                shown.name
            );
        }
    }
}
