//! Owns every question with its answer and who gave it: arguments, profiles, env files and facts become one [`Config`].
//!
//! Pure. What is strongest stands first: flag, variable, project, user, profile, default.
//! What may not be is refused here, with the reason and the way out.

mod error;
mod grants;
mod hide;
mod limits;
mod network;
mod project;
mod report;
mod ssh;
mod variables;

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use self::error::ConfigError;
pub use self::grants::{Grant, split_mount};
pub use self::hide::Hide;
pub use self::limits::{Group, Limit};
pub use self::network::{Allow, Openings, Port, leads_here};
pub use self::project::{ProjectFile, Standing, project_files, trust};
pub use self::report::ReportFile;
pub use self::ssh::Ssh;
pub use self::variables::{GENERATED, HOST_ALLOWLIST, Variable, steers};
use crate::cli::{Entry, Scan, Target, Tier};
use crate::facts::{Facts, Git};
use crate::place::Secrets;
use crate::profile::{self, Profile};
use crate::text::Text;

/// Who decided something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// claudebox makes it itself.
    Generated,
    /// The allowlist, as the host has it.
    Host,
    /// Nobody said otherwise.
    Default,
    /// A flag.
    Flag(String),
    /// A variable of the caller.
    Variable(String),
    /// A profile, by its path.
    Profile(Text),
    /// An env file, by its path.
    EnvFile(Text),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Generated => f.write_str("claudebox"),
            Origin::Host => f.write_str("host"),
            Origin::Default => f.write_str("default"),
            Origin::Flag(flag) => f.write_str(flag),
            Origin::Variable(name) => f.write_str(name),
            Origin::Profile(path) | Origin::EnvFile(path) => write!(f, "{path}"),
        }
    }
}

/// An answer, and who gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer<T> {
    /// The answer.
    pub value: T,
    /// Who gave it.
    pub origin: Origin,
}

/// What to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// The program of [`Facts::program`], with these arguments. Claude Code alone gets the flag that turns its prompts off.
    Agent {
        arguments: Vec<Text>,
        is_claude: bool,
    },
    /// An interactive bash.
    Shell,
    /// This command.
    Exec(Vec<Text>),
}

/// Every question answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What of the network is reachable.
    pub tier: Answer<Tier>,
    /// What is opened beside it.
    pub openings: Openings,
    /// What to start.
    pub start: Start,
    /// Variables that were asked for, strongest first; a name stands once.
    pub variables: Vec<Variable>,
    /// Paths that were asked for.
    pub grants: Vec<Grant>,
    /// Folders to put first on PATH.
    pub path: Vec<Grant>,
    /// What of ssh is given.
    pub ssh: Ssh,
    /// What a session may use up.
    pub limits: Vec<Limit>,
    /// What it may use up as a whole, where somebody says so.
    pub group: Option<Group>,
    /// Profiles in force, in order.
    pub profiles: Vec<Text>,
    /// What is unreadable inside.
    pub hidden: Vec<Hide>,
    /// How much is looked at when the session is over.
    pub scan: Scan,
    /// Where what is said then is written.
    pub report: Option<ReportFile>,
    /// What the person should know and that stops nothing.
    pub notes: Vec<String>,
}

impl Config {
    /// Answers every question for `entry` on the host that `facts` describe.
    ///
    /// # Errors
    /// Where something is refused, missing or malformed: see [`ConfigError`].
    pub fn resolve(entry: &Entry, facts: &Facts) -> Result<Self, ConfigError> {
        refuse_place(facts)?;
        if facts.user.uid == 0 && !entry.shared.allow_root {
            return Err(ConfigError::Root);
        }
        let mut profiles: Vec<(Text, Profile)> = Vec::new();
        for file in &facts.files.profiles {
            profiles.extend(profile::parse(file)?.map(|profile| (file.path.clone(), profile)));
        }
        let mut notes = Vec::new();
        profiles.extend(project::profile(entry, facts, &profiles, &mut notes)?);
        let tier = tier(entry, facts, &profiles)?;
        let variables = variables::requested(entry, facts, &profiles, &mut notes)?;
        let grants = grants::requested(entry, facts, &profiles, &mut notes)?;
        refuse_own_files(facts, &grants)?;
        refuse_git_folder(facts)?;
        let path = grants::path(entry, facts, &profiles, &grants)?;
        let ssh = ssh::requested(entry, facts, &profiles)?;
        let (limits, group) = limits::all(entry, facts, &profiles, &mut notes)?;
        for grant in grants
            .iter()
            .chain(&path)
            .chain(&ssh.agent)
            .chain(&ssh.keys)
            .chain(&ssh.known_hosts)
        {
            grants::refuse_astray(grant, writable_folders(facts, &grants))?;
        }
        let hidden = hide::requested(entry, facts, &profiles, &mut notes)?;
        let report = report::requested(entry, facts, &grants)?;
        let openings = network::requested(entry, &profiles, &tier)?;
        if tier.value != Tier::Inet && !openings.is_empty() {
            notes.push("network: what a profile opens counts on the tier `inet` alone".into());
        }
        Ok(Self {
            tier,
            openings,
            start: start(entry, &profiles),
            variables,
            grants,
            path,
            ssh,
            limits,
            group,
            profiles: profiles.into_iter().map(|(path, _)| path).collect(),
            hidden,
            scan: entry.end.scan,
            report,
            notes,
        })
    }
}

fn refuse_place(facts: &Facts) -> Result<(), ConfigError> {
    match Secrets::refuse_place(facts) {
        Some((path, why)) => Err(ConfigError::Project {
            path: path.clone(),
            why,
        }),
        None => Ok(()),
    }
}

/// The git folder of a worktree or a submodule enters because files say so: where secrets lie it does not, whatever they say.
fn refuse_git_folder(facts: &Facts) -> Result<(), ConfigError> {
    let Git::Linked(link) = &facts.project.git else {
        return Ok(());
    };
    match Secrets::of(facts).uncovered_by(link.common.path()) {
        Some(secret) => Err(ConfigError::GitFolder {
            path: link.common.clone(),
            why: format!("{} holds {}", Text::from(secret.at), secret.what),
        }),
        None => Ok(()),
    }
}

/// A configuration that is linked into the project (dotfiles) could be rewritten for the next launch.
fn refuse_own_files(facts: &Facts, grants: &[Grant]) -> Result<(), ConfigError> {
    for folder in writable_folders(facts, grants) {
        if let Some(file) = facts.files.real.iter().find(|file| within(file, folder)) {
            return Err(ConfigError::OwnFile {
                file: file.clone(),
                folder: folder.clone(),
            });
        }
    }
    Ok(())
}

/// What of the host can be written inside.
pub(crate) fn writable_folders<'a>(
    facts: &'a Facts,
    grants: &'a [Grant],
) -> impl Iterator<Item = &'a Text> {
    let common = match &facts.project.git {
        Git::Linked(link) => Some(&link.common),
        Git::None | Git::Inside | Git::Left(_) => None,
    };
    let granted = grants
        .iter()
        .filter(|grant| grant.writable)
        .map(|grant| &grant.real);
    std::iter::once(&facts.project.root)
        .chain(common)
        .chain(granted)
}

/// NET-05: flag over variable over profile over default.
fn tier(
    entry: &Entry,
    facts: &Facts,
    profiles: &[(Text, Profile)],
) -> Result<Answer<Tier>, ConfigError> {
    if let Some(value) = entry.shared.network {
        return Ok(Answer {
            value,
            origin: Origin::Flag("--network".into()),
        });
    }
    if let Some(value) = facts.variable("CLAUDEBOX_NETWORK") {
        let origin = Origin::Variable("CLAUDEBOX_NETWORK".into());
        return match value.utf8().and_then(Tier::named) {
            Some(value) => Ok(Answer { value, origin }),
            None => Err(ConfigError::Tier {
                value: value.clone(),
                origin: origin.to_string(),
            }),
        };
    }
    let last = profiles
        .iter()
        .rev()
        .find_map(|(path, profile)| Some((path, profile.network?)));
    Ok(match last {
        Some((path, value)) => Answer {
            value,
            origin: Origin::Profile(path.clone()),
        },
        None => Answer {
            value: Tier::Inet,
            origin: Origin::Default,
        },
    })
}

fn start(entry: &Entry, profiles: &[(Text, Profile)]) -> Start {
    let texts = |arguments: &[std::ffi::OsString]| {
        arguments
            .iter()
            .cloned()
            .map(Text::from)
            .collect::<Vec<_>>()
    };
    match &entry.target {
        Target::Shell => Start::Shell,
        Target::Exec(command) => Start::Exec(texts(command)),
        Target::Agent {
            path,
            command,
            arguments,
        } => {
            let profile = profiles
                .iter()
                .rev()
                .find_map(|(_, profile)| profile.agent.as_ref());
            let profile = profile.filter(|_| command.is_none() && path.is_none());
            let before = profile.map(|agent| {
                agent
                    .args
                    .iter()
                    .map(|arg| arg.as_str().into())
                    .collect::<Vec<Text>>()
            });
            Start::Agent {
                is_claude: command.is_none() && profile.is_none(),
                arguments: before
                    .unwrap_or_default()
                    .into_iter()
                    .chain(texts(arguments))
                    .collect(),
            }
        }
    }
}

/// Whether `path` is `folder` or lies in it.
pub(crate) fn within(path: &Text, folder: impl AsRef<Path>) -> bool {
    path.path().starts_with(folder)
}
