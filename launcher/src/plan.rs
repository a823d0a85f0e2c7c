//! Owns what will be done, in order, as plain data. What is printed is what is run: there is no second list.
//!
//! Pure: a [`Config`] and the [`Facts`] become a [`Plan`]. Every step names the [`Guard`] that it serves, a reason, and
//! who decided it. Values of variables are masked wherever a plan is shown or serialised; the launch alone sees them.
//!
//! # Order of the mounts, and who wins
//!
//! 1. The root is an empty tmpfs.
//! 2. Programs and libraries: `/usr` and the folders beside it, the Nix store.
//! 3. `/proc`, `/dev`, and a private tmpfs for each temporary folder and for the home folder.
//! 4. `/etc`, generated, and claudebox's own folder `/run/claudebox` with PID 1 and the agent.
//! 5. Grants, parents before children; then the project; then its common git folder; then, over what of these the host runs,
//!    the same again: read-only, and folders above it as they were, so that they stay in their place.
//! 6. The state of the project at `~/.claude`, and over it what of the user's own is seen.
//! 7. `/dev` and the root become read-only.
//!
//! A later mount wins over an earlier one at the same place; no place is mounted twice ([`PlanError::Twice`]). A mount
//! of the host lies beneath nothing of the host that can be written inside (FS-G), but for what is mounted over itself: that is
//! there, is reached without a link, and is compared with what was held ([`Guard::HostRunGuarded`]); and for what is mounted over
//! the state of the project, at places that the launcher made and no session can move ([`Guard::ClaudeReadOnly`]).

mod action;
mod agent;
mod claude;
mod etc;
mod fence;
mod files;
mod network;
mod over;
mod process;
mod sandbox_md;
mod variables;

pub use self::action::{Action, Namespace};
use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::cli::Tier;
use crate::config::{Answer, Config, Grant, Origin};
use crate::facts::{Facts, HostRun, Secrets, Stdio, Tool};
use crate::guard::Guard;
use crate::hint::Hint;
use crate::instance::Keep;
use crate::login::Share;
use crate::secret;
use crate::text::Text;

/// Version of the JSON form. Grows when a field changes its meaning or goes; new fields do not count.
pub const VERSION: u32 = 1;

/// claudebox's own folder inside.
pub const OWN: &str = "/run/claudebox";

/// All that will be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// [`VERSION`]
    pub version: u32,
    /// The command that is started inside.
    pub command: Command,
    /// The project's root, which enters read-write at this path.
    pub project: Text,
    /// The working folder inside.
    pub cwd: Text,
    /// What of the network is reachable.
    pub tier: Answer<Tier>,
    /// What is opened of the network beside it.
    pub opened: Vec<Opened>,
    /// Profiles in force.
    pub profiles: Vec<Text>,
    /// The whole environment of the command, by name.
    pub variables: Vec<Variable>,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// What of the project the host runs, and what of that inside can change.
    pub host_runs: Vec<HostRun>,
    /// Secrets that lie in the project, hidden or not.
    pub secrets: Secrets,
    /// Guards that this host cannot give, and why.
    pub unavailable: Vec<Unavailable>,
    /// What the person should know.
    pub notes: Vec<String>,
    /// Supplementary groups of the caller: they stay in force on what is shown and belongs to them (getgroups(2)).
    pub groups: Vec<u32>,
    /// bubblewrap.
    pub bwrap: Text,
    /// Standard input, output and error, as the caller gave them.
    pub stdio: [Stdio; 3],
}

/// What is started inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Command {
    /// A path, or a name that is looked for in PATH inside.
    pub program: Text,
    /// Its arguments; shown masked where one looks like a secret.
    #[serde(serialize_with = "masked")]
    pub arguments: Vec<Text>,
}

fn masked<S: Serializer>(arguments: &[Text], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(secret::shown_words(
        arguments.iter().map(|argument| &**argument),
    ))
}

/// A variable of the inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: Text,
    /// Its value; shown masked.
    pub value: Text,
    /// Who gave it.
    pub origin: Origin,
}

impl Serialize for Variable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Variable", 3)?;
        fields.serialize_field("name", &self.name)?;
        fields.serialize_field("value", &secret::shown(&self.name, &self.value))?;
        fields.serialize_field("origin", &self.origin)?;
        fields.end()
    }
}

/// Something of the network that somebody opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Opened {
    /// What is reachable, for whom.
    pub what: String,
    /// Who asked for it.
    pub origin: Origin,
}

/// A guard that this host cannot give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unavailable {
    /// Which.
    pub guard: Guard,
    /// Why, and what is then reachable.
    pub why: String,
}

/// One thing that is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What.
    #[serde(flatten)]
    pub action: Action,
    /// The guard that it serves.
    pub guard: Guard,
    /// Why it is there.
    pub why: String,
    /// Who decided it.
    pub origin: Origin,
    /// Whether it uncovers a secret, as somebody asked for in so many words.
    pub uncovers: bool,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// No bwrap.
    #[error("bubblewrap is not installed")]
    NoBwrap(String),
    /// A bwrap that must not be run.
    #[error("{path} cannot be used: {why}")]
    UnfitBwrap { path: Text, why: String, os: String },
    /// No agent.
    #[error("{name} was not found in {searched}")]
    NoAgent { name: Text, searched: String },
    /// The agent is there and cannot be executed.
    #[error("{path} is not executable")]
    AgentNotExecutable { path: Text },
    /// The agent cannot be shown.
    #[error("{path} cannot enter: {why}")]
    Agent { path: Text, why: String },
    /// Two steps for one place.
    #[error("two mounts at {0}")]
    Twice(Text),
    /// A mount over something that was made before.
    #[error("a mount at {at} would cover {below}")]
    Covers { at: Text, below: Text },
    /// A mount beneath something writable of the host.
    #[error("{at} lies beneath {above}, which can be written inside (FS-G)")]
    BeneathWritable { at: Text, above: Text },
    /// A path that bwrap cannot take.
    #[error("{0} cannot be mounted: its name holds a NUL byte")]
    Nul(Text),
    /// A part of the tier `inet` that is missing or cannot be used.
    #[error("the network tier `inet` cannot be had: {why}")]
    Network { why: String, hint: String },
    /// Neither `/usr` nor a Nix store.
    #[error("this system has neither /usr/lib nor /nix/store")]
    NoSystem,
}

impl Hint for PlanError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            PlanError::NoBwrap(os) => crate::remedy::install_hint(os, "bubblewrap"),
            PlanError::UnfitBwrap { os, .. } => format!(
                "only a bwrap that root alone can write is run, and not in a user namespace that hides root: {}",
                crate::remedy::install_hint(os, "bubblewrap")
            ),
            PlanError::NoAgent { .. } => {
                "install Claude Code (npm install -g @anthropic-ai/claude-code), or name it: --agent PATH".into()
            }
            PlanError::AgentNotExecutable { path } => format!("chmod +x {path}"),
            PlanError::Agent { .. } => "install it in a folder of its own, or name another: --agent PATH".into(),
            PlanError::Twice(_) | PlanError::Covers { .. } => {
                "claudebox needs that place itself: grant something below it, or move the project".into()
            }
            PlanError::BeneathWritable { .. } => "grant the upper folder read-only, or only the lower one".into(),
            PlanError::Nul(_) => "rename it".into(),
            PlanError::Network { hint, .. } => hint.clone(),
            PlanError::NoSystem => "claudebox knows systems with a /usr, NixOS, and Nix".into(),
        })
    }
}

impl PlanError {
    /// The exit status that belongs to it: that of a shell for a command that is not there, else 125.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            PlanError::NoAgent { .. } => 127,
            PlanError::AgentNotExecutable { .. } => 126,
            _ => 125,
        }
    }
}

/// Steps under construction.
#[derive(Debug, Default)]
struct Steps(Vec<Step>);

impl Steps {
    fn add(&mut self, guard: Guard, action: Action, why: impl Into<String>) {
        self.add_for(Origin::Generated, guard, action, why);
    }

    fn add_for(&mut self, origin: Origin, guard: Guard, action: Action, why: impl Into<String>) {
        self.0.push(Step {
            action,
            guard,
            why: why.into(),
            origin,
            uncovers: false,
        });
    }

    /// Adds a bind mount that was asked for; `uncovers` names the secret that enters with it.
    fn show(&mut self, guard: Guard, grant: &Grant, at: Text, why: &str) {
        let action = Action::Bind {
            from: grant.real.clone(),
            at,
            writable: grant.writable,
        };
        let uncovers = grant.uncovers.is_some();
        let why = grant
            .uncovers
            .as_ref()
            .map_or_else(|| why.to_owned(), |what| format!("{why}: {what}"));
        self.0.push(Step {
            action,
            guard,
            why,
            origin: grant.origin.clone(),
            uncovers,
        });
    }

    /// The one address where names are resolved on `inet`.
    fn forwarder(&self) -> Option<std::net::IpAddr> {
        self.0.iter().find_map(|step| match step.action {
            Action::Carry { forwarder, .. } => forwarder,
            _ => None,
        })
    }

    /// Whether what lies at `path` of the host is to be seen at the same path inside.
    fn shows(&self, path: &Text) -> bool {
        let shown = |step: &Step| match &step.action {
            Action::Bind { from, at, .. } => from == at && path.path().starts_with(at.path()),
            _ => false,
        };
        let covered = |step: &Step| match &step.action {
            Action::Tmpfs { at, .. } => path.path().starts_with(at.path()),
            _ => false,
        };
        match self.0.iter().rposition(covered) {
            Some(cover) => self.0[cover..].iter().any(shown),
            None => self.0.iter().any(shown),
        }
    }
}

impl Plan {
    /// What will be done for `config` on the host that `facts` describe.
    ///
    /// # Errors
    /// Where a part is missing, or the mounts cannot be made safely.
    pub fn new(config: &Config, facts: &Facts) -> Result<Self, PlanError> {
        let bwrap = match &facts.host.bwrap {
            Tool::Found(path) => path.clone(),
            Tool::Missing => return Err(PlanError::NoBwrap(facts.host.os.clone())),
            Tool::Unfit(path, why) => {
                let (path, why) = (path.clone(), why.clone());
                return Err(PlanError::UnfitBwrap {
                    path,
                    why,
                    os: facts.host.os.clone(),
                });
            }
        };
        let mut steps = Steps::default();
        let mut notes = config.notes.clone();
        notes.extend(process::note_on_streams(facts));
        notes.extend(network::notes(config, facts));
        let unavailable = process::unavailable(config, facts);
        process::add(&mut steps, config, facts);
        network::add(&mut steps, config, facts)?;
        files::system(&mut steps, facts)?;
        files::private(&mut steps, facts);
        let agent = agent::add(&mut steps, config, facts)?;
        etc::add(&mut steps, config, facts);
        files::shared(&mut steps, config, facts, &mut notes);
        claude::add(&mut steps, facts, &mut notes);
        let mut variables = variables::all(&mut steps, config, facts, &agent, &mut notes);
        variables.sort_by(|a, b| a.name.cmp(&b.name));
        let command = agent::command(config, facts, &agent);
        sandbox_md::add(&mut steps, config, facts, &unavailable);
        fence::add(&mut steps, facts);
        files::seal(&mut steps, facts);
        check(&steps)?;
        Ok(Self {
            version: VERSION,
            command,
            project: facts.project.root.clone(),
            cwd: facts.project.cwd.clone(),
            tier: config.tier.clone(),
            opened: network::opened(config, &steps.0),
            profiles: config.profiles.clone(),
            variables,
            host_runs: over::told(&steps, facts),
            steps: steps.0,
            secrets: facts.secrets.clone(),
            unavailable,
            notes,
            groups: facts.user.groups.clone(),
            bwrap,
            stdio: facts.stdio,
        })
    }

    /// The folders of PATH inside.
    #[must_use]
    pub fn path(&self) -> Vec<Text> {
        let path = self
            .variables
            .iter()
            .find(|variable| variable.name == "PATH");
        path.map(|path| std::env::split_paths(&path.value).map(Text::from).collect())
            .unwrap_or_default()
    }

    /// Whether what lies at `path` of the project is hidden.
    #[must_use]
    pub fn hides(&self, path: &Text) -> bool {
        let at = self.project.join(path.path());
        self.hidden().any(|hidden| at.path().starts_with(hidden))
    }

    /// The places that are hidden.
    pub fn hidden(&self) -> impl Iterator<Item = &Text> {
        self.steps.iter().filter_map(|step| match &step.action {
            Action::Hide { at, .. } => Some(at),
            _ => None,
        })
    }

    /// The state of the project that is kept, if it is.
    #[must_use]
    pub fn kept(&self) -> Option<&Keep> {
        self.steps.iter().find_map(|step| match &step.action {
            Action::KeepState { keep } => Some(&**keep),
            _ => None,
        })
    }

    /// The login that is kept in step, if one may be.
    #[must_use]
    pub fn shared_login(&self) -> Option<&Share> {
        self.steps.iter().find_map(|step| match &step.action {
            Action::ShareLogin { share } => Some(&**share),
            _ => None,
        })
    }

    /// The bind mounts of the host, in order: from, at, writable, step.
    pub fn binds(&self) -> impl Iterator<Item = (&Text, &Text, bool, &Step)> {
        self.steps.iter().filter_map(|step| match &step.action {
            Action::Bind { from, at, writable } => Some((from, at, *writable, step)),
            _ => None,
        })
    }
}

/// No place twice, no mount beneath what the agent can write on the host, no NUL.
fn check(steps: &Steps) -> Result<(), PlanError> {
    let mut places = BTreeSet::<&Text>::new();
    let mut mounted: Vec<&Text> = Vec::new();
    let mut writable: Vec<&Text> = Vec::new();
    for step in &steps.0 {
        let Some(at) = step.action.place() else {
            continue;
        };
        if at.as_bytes().contains(&0) {
            return Err(PlanError::Nul(at.clone()));
        }
        if places.contains(at) {
            return Err(PlanError::Twice(at.clone()));
        }
        // What was mounted below this place before would be gone, PID 1 among it.
        let mounts = |action: &Action| {
            use Action::{Bind, Copy, File, Hide, Replace, Tmpfs};
            matches!(
                action,
                Bind { .. }
                    | Copy { .. }
                    | File { .. }
                    | Hide { .. }
                    | Replace { .. }
                    | Tmpfs { .. }
            )
        };
        if mounts(&step.action) {
            if let Some(below) = mounted
                .iter()
                .find(|place| Path::new(place).starts_with(at.path()))
            {
                return Err(PlanError::Covers {
                    at: at.clone(),
                    below: (*below).clone(),
                });
            }
            mounted.push(at);
        }
        places.insert(at);
        // Over what is there and was found without a link: nothing is made, and what is mounted is compared (FS-G).
        if over::guards().contains(&step.guard) || step.guard == claude::GUARD {
            continue;
        }
        if let Some(above) = writable
            .iter()
            .find(|above| Path::new(at).starts_with(above.path()))
        {
            return Err(PlanError::BeneathWritable {
                at: at.clone(),
                above: (*above).clone(),
            });
        }
        if let Action::Bind { writable: true, .. } = step.action {
            writable.push(at);
        }
    }
    Ok(())
}
