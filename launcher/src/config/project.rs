//! Owns what a project says of itself: which content of its files a person approved, and how much counts of what nobody did
//! (TRUST-A). What nobody approved may tighten, and nothing else.

use super::{ConfigError, Origin, limits, refuse_place, tier, variables};
use crate::cli::{Entry, Tier};
use crate::envfile::BadLine;
use crate::facts::{Content, Facts};
use crate::group::Grouped;
use crate::limit::Limited;
use crate::profile::{self, Profile};
use crate::text::Text;
use crate::trust::{self, Approval, Change, ENV_FILE, PROFILE, Said, Trust};

/// How the present content of a file stands to what was approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It was approved, byte for byte.
    Approved,
    /// Nothing of this name was approved here.
    New,
    /// Another content was.
    Changed,
}

/// A file of the project that a launch would take as it is, were it approved.
#[derive(Debug, Clone)]
pub struct ProjectFile {
    /// Its name in the project's root.
    pub name: &'static str,
    /// Where it lies.
    pub path: Text,
    /// How it stands.
    pub standing: Standing,
    /// What it says.
    said: Vec<Said>,
    /// What was approved before.
    before: Option<Approval>,
    /// What approving it would store.
    approval: Approval,
    root: Text,
}

impl ProjectFile {
    /// What it says otherwise than what was approved before; all of it where that is not known.
    #[must_use]
    pub fn changes(&self) -> Vec<Change<'_>> {
        let before = self.before.as_ref().and_then(Approval::said);
        trust::difference(before.unwrap_or_default(), &self.said)
    }

    /// Whether it is known what it said before.
    #[must_use]
    pub fn is_compared(&self) -> bool {
        let before = self.before.as_ref();
        before.is_some_and(|before| before.said().is_some())
    }

    /// Approves it in `trust`.
    pub fn approve(&self, trust: &mut Trust) {
        trust.approve(&self.root, self.name, self.approval.clone());
    }
}

/// The project's own files that are there, each in its present content.
///
/// # Errors
/// Where a launch would refuse one of them though it were approved: nobody approves by accident what is refused afterwards.
pub fn project_files(facts: &Facts) -> Result<Vec<ProjectFile>, ConfigError> {
    refuse_place(facts)?;
    let trust = trust(facts)?;
    let root = &facts.project.root;
    let mut files = Vec::new();
    let mut add = |name: &'static str, content: &Text, said: Vec<Said>| {
        files.push(ProjectFile {
            name,
            path: root.join(name),
            standing: standing(&trust, root, name, content),
            before: trust.approval(root, name).cloned(),
            approval: Approval::of(content, said.clone()),
            said,
            root: root.clone(),
        });
    };
    let profile = facts.files.of_project(root);
    if let Some(parsed) = profile::parse(&profile)? {
        refuse(&parsed, &profile.path)?;
        if let Content::Bytes(content) = &profile.content {
            add(PROFILE, content, trust::of_profile(&parsed));
        }
    }
    if let Some((path, content)) = env_file(facts)? {
        variables::refuse_project_env(content, &Origin::EnvFile(path.clone()))?;
        let said = trust::of_env(content);
        let said = said.map_err(|bad: BadLine| ConfigError::EnvLine { path, bad })?;
        add(ENV_FILE, content, said);
    }
    Ok(files)
}

fn standing(trust: &Trust, root: &Text, name: &str, content: &Text) -> Standing {
    match trust.approval(root, name) {
        None => Standing::New,
        Some(_) if trust.approves(root, name, content) => Standing::Approved,
        Some(_) => Standing::Changed,
    }
}

/// What was approved so far.
///
/// # Errors
/// Where `trust.json` is there and is not claudebox's.
pub fn trust(facts: &Facts) -> Result<Trust, ConfigError> {
    let broken = |why| ConfigError::Trust {
        path: facts.files.folder.join("trust.json"),
        why,
    };
    match &facts.files.trust {
        Content::Absent => Ok(Trust::default()),
        Content::Refused(why) => Err(broken(why.clone())),
        Content::Bytes(json) => {
            Trust::parse(json.utf8().unwrap_or_default()).map_err(|error| broken(error.to_string()))
        }
    }
}

/// The env file of the project, where there is one.
fn env_file(facts: &Facts) -> Result<Option<(Text, &Text)>, ConfigError> {
    let path = facts.project.root.join(ENV_FILE);
    match &facts.files.project_env {
        Content::Absent => Ok(None),
        Content::Refused(why) => Err(ConfigError::EnvFile {
            path,
            why: why.clone(),
        }),
        Content::Bytes(content) => Ok(Some((path, content))),
    }
}

/// The approved content of the project's env file, or why it does not count. Variables tighten nothing.
pub(super) fn approved_env(facts: &Facts) -> Result<Option<(Text, &Text)>, ConfigError> {
    let Some((path, content)) = env_file(facts)? else {
        return Ok(None);
    };
    match standing(&trust(facts)?, &facts.project.root, ENV_FILE, content) {
        Standing::Approved => Ok(Some((path, content))),
        standing => Err(ConfigError::Unapproved {
            path,
            changed: standing == Standing::Changed,
            opens: Vec::new(),
        }),
    }
}

/// The project's profile, where it counts: approved, or new and no more than tightening. `profiles` are the user's own.
pub(super) fn profile(
    entry: &Entry,
    facts: &Facts,
    profiles: &[(Text, Profile)],
    notes: &mut Vec<String>,
) -> Result<Option<(Text, Profile)>, ConfigError> {
    let root = &facts.project.root;
    let file = facts.files.of_project(root);
    let Content::Bytes(content) = &file.content else {
        if file.content == Content::Absent {
            missing(facts, notes)?;
        }
        // What was not read is refused.
        profile::parse(&file)?;
        return Ok(None);
    };
    let standing = standing(&trust(facts)?, root, PROFILE, content);
    let unapproved = |opens| ConfigError::Unapproved {
        path: file.path.clone(),
        changed: standing == Standing::Changed,
        opens,
    };
    // What was approved may have been tighter: a change is never taken.
    if standing == Standing::Changed {
        return Err(unapproved(Vec::new()));
    }
    let Some(parsed) = profile::parse(&file)? else {
        return Ok(None);
    };
    if standing == Standing::New {
        let opens = opens(&parsed, &Without::new(entry, facts, profiles)?);
        if !opens.is_empty() {
            return Err(unapproved(opens));
        }
        notes.push(format!(
            "{} is new, and nobody approved it; it counts, as it does no more than tighten (claudebox trust approves it)",
            file.path
        ));
    }
    refuse(&parsed, &file.path)?;
    Ok(Some((file.path, parsed)))
}

/// A profile that was approved and is gone: who can write the folder may have put it away, and with it what it kept closed.
fn missing(facts: &Facts, notes: &mut Vec<String>) -> Result<(), ConfigError> {
    let root = &facts.project.root;
    let trust = trust(facts)?;
    let Some(approval) = trust.approval(root, PROFILE) else {
        return Ok(());
    };
    let path = root.join(PROFILE);
    if approval.narrows() {
        return Err(ConfigError::Gone { path });
    }
    notes.push(format!(
        "{path}, which was approved, is gone: what it asked for is not given"
    ));
    Ok(())
}

/// What no profile of a project may say, approved or not: what runs inside could have written it.
fn refuse(profile: &Profile, path: &Text) -> Result<(), ConfigError> {
    let origin = Origin::Profile(path.clone());
    for name in profile.set.0.keys().chain(&profile.env) {
        variables::refuse_from_project(&name.as_str().into(), &origin)?;
    }
    match profile.mounts.iter().find(|mount| mount.uncover_secret) {
        Some(mount) => Err(ConfigError::Grant {
            path: mount.path.as_str().into(),
            origin: origin.to_string(),
            why: "a secret is uncovered by your own profiles alone".into(),
            hint: "say so in ~/.claudebox/profiles/NAME.json, and start with --profile NAME",
        }),
        None => Ok(()),
    }
}

/// What a launch is without the project's profile.
struct Without {
    tier: Tier,
    limits: Vec<(&'static str, u64)>,
}

impl Without {
    fn new(
        entry: &Entry,
        facts: &Facts,
        profiles: &[(Text, Profile)],
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            tier: tier(entry, facts, profiles)?.value,
            limits: limits::in_force(entry, profiles)?,
        })
    }
}

/// What of `profile` gives more than a launch has without it, by key; nothing where it only tightens. A lower tier, a lower limit
/// and one more thing that is hidden tighten.
fn opens(profile: &Profile, without: &Without) -> Vec<&'static str> {
    // Taken apart by name: a new key does not compile until somebody said whether it opens.
    let Profile {
        description: _,
        hide: _,
        env,
        set,
        mounts,
        network,
        allow,
        host_ports,
        publish,
        agent,
        path,
        ssh,
        limits,
    } = profile;
    let exceeds = |(name, value): (&'static str, String)| {
        let most = without.limits.iter().find(|(known, _)| *known == name);
        // What is no value is refused where limits are read.
        most.is_some_and(|(_, most)| limit(name, &value).is_some_and(|value| value > *most))
    };
    let all = [
        ("env", !env.is_empty()),
        ("set", !set.0.is_empty()),
        ("mounts", !mounts.is_empty()),
        ("network", network.is_some_and(|tier| tier > without.tier)),
        ("allow", !allow.is_empty()),
        ("host_ports", !host_ports.is_empty()),
        ("publish", !publish.is_empty()),
        ("agent", agent.is_some()),
        ("path", !path.is_empty()),
        ("ssh", ssh.agent || !ssh.keys.is_empty()),
        ("limits", limits.said().any(exceeds)),
    ];
    let opening = all.iter().filter(|(_, opens)| *opens);
    opening.map(|(key, _)| *key).collect()
}

fn limit(name: &str, value: &str) -> Option<u64> {
    let limited = Limited::SETTABLE.iter().find(|on| on.name() == name);
    let limited = limited.map(|on| on.read(value));
    let grouped = || Grouped::ALONE.iter().find(|on| on.name() == name);
    limited.or_else(|| grouped().map(|on| on.read(value)))?.ok()
}

#[cfg(test)]
mod tests;
