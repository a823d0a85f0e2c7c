//! Owns what this host is: the only reader of environment, working folder, disk and kernel before the launch.
//!
//! Everything later is a pure function of [`Facts`], which is plain data, so a test loads a NixOS, a Fedora or a
//! broken host from a file. Nothing here decides; nothing here runs a program.
#![expect(
    clippy::disallowed_methods,
    reason = "facts is the one reader of the host"
)]

mod after;
mod agent;
mod before;
mod cgroup;
mod claude;
mod hidden;
mod host;
mod host_runs;
mod identity;
mod names;
mod network;
mod network_tools;
mod own_files;
mod parts;
mod project;
mod secrets;
mod stdio;
mod tool;
mod tree;
mod walk;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use self::agent::{Found, Interpreter, PassedOver, Program, ProgramKind};
pub use self::before::Before;
pub use self::cgroup::{Cgroup, Groups, Parent};
pub use self::hidden::{Hidden, HiddenPath};
pub use self::host::{
    Host, Kernel, OF_ROOT_ALONE, RESOLVED_ETC, SYSTEM_FOLDERS, SYSTEM_KNOWN_HOSTS,
};
pub use self::host_runs::{HostGuard, HostRun};
pub use self::identity::GitIdentity;
pub use self::names::Names;
pub use self::network::{Address, Hop, Link, Network, Route, RouteKind, is_everywhere};
pub use self::network_tools::NetworkTools;
pub use self::own_files::{Content, OwnFiles, ProfileFile};
pub use self::parts::{NixDaemon, Parts};
pub use self::project::{Git, GitLink, Project};
pub use self::secrets::{Secret, Secrets};
pub use self::stdio::Stdio;
pub use self::tool::Tool;
use self::walk::{End, Walk};
use crate::cli::{Entry as Wish, Target, Tier};
use crate::instance::OwnClaude;
use crate::text::Text;

/// The largest file that is read whole: env files, profiles, git configuration. In bytes.
pub const FILE_LIMIT: u64 = 1024 * 1024;

/// What this host is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// Who started claudebox.
    pub user: User,
    /// The caller's environment as it came: order kept, duplicates and odd names included.
    pub environment: Vec<(Text, Text)>,
    /// Where the caller stands.
    pub project: Project,
    /// The machine.
    pub host: Host,
    /// What the host's network looks like; empty where another tier than `inet` was asked for.
    #[serde(default)]
    pub network: Network,
    /// What the names mean that are to be opened; looked up once they are known ([`Facts::look_up`]).
    #[serde(default)]
    pub names: Names,
    /// The agent, or the program that `--cmd` or `exec` names.
    pub program: Program,
    /// Standard input, output and error.
    pub stdio: [Stdio; 3],
    /// claudebox's own files, by what they are.
    pub files: OwnFiles,
    /// What lies at the paths that a plan may ask about, links followed.
    pub paths: BTreeMap<Text, Node>,
    /// Home folders of other people, and root's.
    #[serde(default)]
    pub other_homes: Vec<Text>,
    /// The user's name and mail address for commits.
    pub git_identity: GitIdentity,
    /// Secrets that lie in the project.
    #[serde(default)]
    pub secrets: Secrets,
    /// What is to be hidden.
    #[serde(default)]
    pub hidden: Hidden,
    /// The user's own Claude Code, and the instance of this project.
    #[serde(default)]
    pub claude: OwnClaude,
    /// By what a session could have a control group; looked at where a limit is asked for.
    #[serde(default)]
    pub groups: Groups,
}

/// Who started claudebox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Real uid.
    pub uid: u32,
    /// Real gid.
    pub gid: u32,
    /// Login name.
    pub name: Text,
    /// Home folder, all links followed.
    pub home: Text,
    /// Supplementary groups that are alive inside: they open what a mount shows (group members only).
    pub groups: Vec<u32>,
}

/// One end of a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// The same thing with all links followed.
    pub real: Text,
    /// What it is.
    pub kind: Kind,
    /// Whether a symbolic link is on the way.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub link: bool,
    /// Every symbolic link on the way to its end, by its own real place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Text>,
}

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A Unix socket.
    Socket,
    /// A FIFO.
    Fifo,
    /// A character or block device.
    Device,
}

/// What is asked of the host: paths and names that come from the command line.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Profiles by name.
    pub profiles: Vec<String>,
    /// The program to look for.
    pub program: Option<Text>,
    /// Whether the program is Claude Code, and the usual install places count.
    pub is_agent: bool,
    /// Paths that grants name, as typed.
    pub paths: Vec<Text>,
    /// Whether something is to be started in the project: secrets in it are looked for.
    pub enters: bool,
    /// Patterns of what is to be hidden.
    pub hide: Vec<Text>,
    /// Whether a flag asks for another tier than `inet`: what that needs is not looked at.
    pub other_tier: bool,
    /// Whether a limit is asked for.
    pub limits: bool,
}

impl Query {
    /// What `wish` needs to know of the host.
    #[must_use]
    pub fn of(wish: &Wish) -> Self {
        let shared = &wish.shared;
        let (program, is_agent) = match &wish.target {
            Target::Agent {
                command: Some(command),
                ..
            } => (Some(command.clone().into()), false),
            Target::Agent { path, .. } => (path.clone().map(Text::from), true),
            Target::Shell | Target::Exec(_) => (None, true),
        };
        let mounts = shared
            .mount
            .iter()
            .map(|mount| crate::config::split_mount(mount).0);
        let paths = mounts.chain(shared.path_add.iter().cloned().map(Text::from));
        let paths = paths.chain(shared.ssh_key.iter().cloned().map(Text::from));
        let paths = paths.chain(
            shared
                .mount_home
                .iter()
                .map(|sub| Text::from(Path::new("~").join(sub).as_path())),
        );
        let report = wish.end.report.as_ref().and_then(|file| file.parent());
        let paths = paths.chain(report.map(Text::from));
        Self {
            profiles: shared.profile.clone(),
            program,
            is_agent,
            paths: paths.collect(),
            enters: true,
            hide: shared.hide.iter().cloned().map(Text::from).collect(),
            other_tier: shared.network.is_some_and(|tier| tier != Tier::Inet),
            limits: !shared.limit.is_empty(),
        }
    }
}

/// Reading the host failed before anything could be planned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FactsError {
    /// The working folder is gone or unreadable.
    #[error("the current folder cannot be opened")]
    NoWorkingFolder(#[source] io::Error),
    /// `HOME` is unset, relative, or not a folder.
    #[error("HOME does not name a folder: {0}")]
    NoHome(Text),
    /// `HOME` is a place that cannot be covered.
    #[error("HOME is {0}: {1}")]
    OddHome(Text, &'static str),
    /// A variable that steers claudebox cannot be read: what it asks for must not be left out.
    #[error("{name} cannot be used: {why}")]
    Variable {
        name: &'static str,
        why: &'static str,
    },
}

impl crate::hint::Hint for FactsError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            FactsError::NoWorkingFolder(_) => {
                "it was deleted or made unreadable; `cd` to the project again".into()
            }
            FactsError::NoHome(_) | FactsError::OddHome(..) => {
                "set HOME to a folder of your own (an absolute path)".into()
            }
            FactsError::Variable { name, .. } => format!("set it right, or unset {name}"),
        })
    }
}

impl Facts {
    /// Looks names up that are to be opened.
    pub fn look_up(&mut self, names: &[&str]) {
        if !names.is_empty() {
            self.names = names::look_up(names, &self.user);
        }
    }

    /// Reads the host.
    ///
    /// # Errors
    /// Where there is no working folder or no home folder; all else that is missing is a fact, not an error.
    pub fn read(query: &Query) -> Result<Self, FactsError> {
        let environment: Vec<(Text, Text)> = std::env::vars_os()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let user = User::read(&environment)?;
        let folder = match variable(&environment, "CLAUDEBOX_HOME") {
            None => real(user.home.join(".claudebox").path()),
            Some(folder) if folder.path().is_absolute() => to_be(folder.path()),
            Some(_) => {
                return Err(FactsError::Variable {
                    name: "CLAUDEBOX_HOME",
                    why: "it is not an absolute path",
                });
            }
        };
        let cwd = std::env::current_dir().map_err(FactsError::NoWorkingFolder)?;
        let git_config = GitIdentity::files(&user.home, &environment);
        let project = Project::read(&cwd, &user.home, &git_config)?;
        let mut walk = Walk::default();
        let files = OwnFiles::read(&folder, &project, query, &environment, &mut walk)?;
        // Of what nobody approved nothing is looked for but what would be hidden.
        let opening = files.that_open(&project.root);
        let of_profile = opening.iter().rev().find_map(crate::profile::agent);
        let program = Program::find(query, of_profile, &user, &environment, &project);
        let host = Host::read(&user, &environment, !query.other_tier);
        let network = if query.other_tier {
            Network::default()
        } else {
            Network::read(&host.resolvers)
        };
        let mut paths = BTreeMap::new();
        let mut note = |path: Text| {
            if let Some(node) = Node::read(path.path(), &mut walk) {
                paths.insert(path, node);
            }
        };
        host::paths_of_interest(&user).for_each(&mut note);
        let profile_paths = opening.iter().flat_map(crate::profile::paths);
        for path in query.paths.iter().cloned().chain(profile_paths) {
            note(expand(&path, &user.home, &cwd));
        }
        // The variables whose values are paths that a plan may show.
        let named = ["SSH_AUTH_SOCK", "SSL_CERT_FILE", "NIX_SSL_CERT_FILE"];
        for path in named.iter().filter_map(|name| variable(&environment, name)) {
            note(path.clone());
        }
        let profile_keys = opening.iter().flat_map(crate::profile::ssh_keys);
        for key in query.paths.iter().cloned().chain(profile_keys) {
            let key = &key;
            let public = with_suffix(&expand(key, &user.home, &cwd), ".pub");
            note(public);
        }
        let other_homes = host::other_homes(&user);
        let git_identity = GitIdentity::read(&user.home, &git_config);
        let stdio = [
            Stdio::of(&io::stdin()),
            Stdio::of(&io::stdout()),
            Stdio::of(&io::stderr()),
        ];
        let narrowing = files.that_narrow(&project.root);
        let limits = query.limits || narrowing.iter().any(crate::profile::limits);
        let groups = limits.then(|| Groups::read(&user, &environment));
        let mut facts = Self {
            user,
            environment,
            project,
            host,
            program,
            stdio,
            files,
            paths,
            other_homes,
            git_identity,
            network,
            names: Names::new(),
            secrets: Secrets::default(),
            hidden: Hidden::default(),
            claude: OwnClaude::default(),
            groups: groups.unwrap_or_default(),
        };
        if query.enters {
            facts.claude = claude::read(&facts, &mut walk);
        }
        // A folder that is refused is not looked through: in /proc some files never end.
        if crate::place::Secrets::refuse_place(&facts).is_none() {
            facts.look_through_project(query);
        }
        Ok(facts)
    }

    /// Looks for secrets in the project, and for what is to be hidden there.
    fn look_through_project(&mut self, query: &Query) {
        if query.enters {
            self.secrets = Secrets::look(self.project.root.path());
        }
        let narrowing = self.files.that_narrow(&self.project.root);
        let hide = narrowing.iter().flat_map(crate::profile::hide);
        let hide: Vec<Text> = query.hide.iter().cloned().chain(hide).collect();
        let (project, paths) = (&self.project, &self.paths);
        let tops = tops(project, paths, query, &self.files, &self.user);
        self.hidden = Hidden::look(&hide, &tops, self.user.uid);
    }

    /// The value of the first variable `name` of the caller, as every shell and libc sees it.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&Text> {
        variable(&self.environment, name)
    }

    /// What lies at `path`, if it was looked at and there is something.
    #[must_use]
    pub fn node(&self, path: &Path) -> Option<&Node> {
        self.paths.get(&Text::from(path))
    }
}

fn variable<'a>(environment: &'a [(Text, Text)], name: &str) -> Option<&'a Text> {
    environment
        .iter()
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// Everything of the caller's that a session may show, the project first.
fn tops(
    project: &Project,
    paths: &BTreeMap<Text, Node>,
    query: &Query,
    files: &OwnFiles,
    user: &User,
) -> Vec<PathBuf> {
    let mut tops = vec![project.root.path().to_owned()];
    if let Git::Linked(link) = &project.git {
        tops.push(link.common.path().to_owned());
    }
    let asked = query.paths.iter().cloned();
    let opening = files.that_open(&project.root);
    for path in asked.chain(opening.iter().flat_map(crate::profile::paths)) {
        let node = paths.get(&expand(&path, &user.home, project.cwd.path()));
        let real = node.map(|node| node.real.path().to_owned());
        // What is the system's, nobody but root links into a project.
        let of_system = |real: &PathBuf| real.starts_with("/usr") || real.starts_with("/nix/store");
        tops.extend(real.filter(|real| !of_system(real)));
    }
    tops.retain({
        let mut seen = std::collections::BTreeSet::new();
        move |top| seen.insert(top.clone())
    });
    tops
}

/// `path` with everything in it followed; itself where that is not possible.
fn real(path: &Path) -> Text {
    fs::canonicalize(path)
        .unwrap_or_else(|_| path.to_owned())
        .into()
}

/// The same of a path that need not be there yet: what is there of the way is followed.
fn to_be(path: &Path) -> Text {
    let there = path
        .ancestors()
        .find_map(|above| Some((above, fs::canonicalize(above).ok()?)));
    let (above, real) = there.unwrap_or((path, path.to_owned()));
    let below = path.strip_prefix(above).unwrap_or(Path::new(""));
    if below.as_os_str().is_empty() {
        real.into()
    } else {
        real.join(below).into()
    }
}

/// `path` as a person means it: a leading `~/` is the home folder, a relative path starts at the working folder.
#[must_use]
pub fn expand(path: &Text, home: &Text, cwd: &Path) -> Text {
    match path.path().strip_prefix("~") {
        Ok(rest) if rest.as_os_str().is_empty() => home.clone(),
        Ok(rest) => home.join(rest),
        Err(_) => cwd
            .join(path.path())
            .components()
            .collect::<PathBuf>()
            .into(),
    }
}

/// `path` with `suffix` put to its end.
#[must_use]
pub fn with_suffix(path: &Text, suffix: &str) -> Text {
    let mut longer = std::ffi::OsString::from(path.clone());
    longer.push(suffix);
    longer.into()
}

impl Node {
    /// What lies at `path`; `None` where nothing does or nothing can be seen.
    fn read(path: &Path, walk: &mut Walk) -> Option<Self> {
        let kind = match fs::metadata(path).ok()?.file_type() {
            kind if kind.is_dir() => Kind::Folder,
            kind if kind.is_file() => Kind::File,
            kind if kind.is_socket() => Kind::Socket,
            kind if kind.is_fifo() => Kind::Fifo,
            _ => Kind::Device,
        };
        let End { real, links } = walk.follow(path);
        Some(Self {
            link: !links.is_empty(),
            real: real.into(),
            kind,
            links,
        })
    }
}

impl User {
    fn read(environment: &[(Text, Text)]) -> Result<Self, FactsError> {
        let uid = nix::unistd::getuid().as_raw();
        let entry = host::passwd_entry(uid);
        let home = variable(environment, "HOME")
            .cloned()
            .or_else(|| entry.as_ref().map(|entry| entry.home.clone()));
        let home = home.ok_or_else(|| FactsError::NoHome("it is not set".into()))?;
        if !home.path().is_absolute() || !fs::metadata(home.path()).is_ok_and(|home| home.is_dir())
        {
            return Err(FactsError::NoHome(home));
        }
        let home = real(home.path());
        if let Some(why) = crate::place::refuse_home(home.path()) {
            return Err(FactsError::OddHome(home, why));
        }
        let name = entry
            .map(|entry| entry.name)
            .or_else(|| variable(environment, "USER").cloned());
        let groups = nix::unistd::getgroups().unwrap_or_default();
        let gid = nix::unistd::getgid().as_raw();
        Ok(Self {
            uid,
            gid,
            name: name.filter(plain_name).unwrap_or_else(|| "user".into()),
            home,
            groups: groups
                .into_iter()
                .map(|group| group.as_raw())
                .filter(|group| *group != gid)
                .collect(),
        })
    }
}

/// A login name that can stand in a line of `/etc/passwd`.
fn plain_name(name: &Text) -> bool {
    name.utf8().is_some_and(|name| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-@".contains(c))
    })
}

/// A command as a person means it: a bare name stays a name, a path is expanded.
fn expand_command(command: &Text, home: &Text, cwd: &Text) -> Text {
    if command.as_encoded_bytes().contains(&b'/') {
        expand(command, home, cwd.path())
    } else {
        command.clone()
    }
}
