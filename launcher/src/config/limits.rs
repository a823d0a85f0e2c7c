//! Owns what a session may use up: flag over profile over what is usual. What the kernel counts for a process or a user namespace is
//! always limited; what a control group counts, where somebody asks.

use super::{Answer, ConfigError, Origin};
use crate::cli::Entry;
use crate::facts::Facts;
use crate::group::{GroupLimit, Grouped, Way};
use crate::hint::nearest;
use crate::limit::Limited;
use crate::profile::Profile;
use crate::text::Text;

/// A limit, and who set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// On what.
    pub on: Limited,
    /// The most.
    pub most: Answer<u64>,
}

/// The control group of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its limits.
    pub limits: Vec<GroupLimit>,
    /// Who asked last.
    pub origin: Origin,
    /// By what it is made.
    pub way: Way,
    /// Where groups are seen.
    pub hierarchy: Text,
}

/// What somebody said.
struct Said {
    name: String,
    value: String,
    origin: Origin,
}

impl Said {
    fn refused(&self, why: impl Into<String>, hint: impl Into<String>) -> ConfigError {
        ConfigError::Limit {
            value: self.name.as_str().into(),
            origin: self.origin.to_string(),
            why: why.into(),
            hint: hint.into(),
        }
    }

    fn bad_value(&self, hint: String) -> ConfigError {
        self.refused("the value is none that it can have", hint)
    }
}

/// Every limit that this host can give, and the control group that is asked for.
pub(super) fn all(
    entry: &Entry,
    facts: &Facts,
    profiles: &[(Text, Profile)],
    notes: &mut Vec<String>,
) -> Result<(Vec<Limit>, Option<Group>), ConfigError> {
    let said = said(entry, profiles)?;
    // The last one said is the strongest.
    let last = |name: &str| said.iter().rev().find(|said| said.name == name);
    let mut limits = Vec::new();
    let mut grouped: Vec<(&Said, GroupLimit)> = Vec::new();
    for on in Grouped::ALONE {
        if let Some(said) = last(on.name()) {
            let most = on.read(&said.value).map_err(|hint| said.bad_value(hint))?;
            grouped.push((said, GroupLimit { on, most }));
        }
    }
    for on in Limited::ALL {
        let asked = last(on.name());
        let most = match asked {
            Some(said) => Answer {
                value: on.read(&said.value).map_err(|hint| said.bad_value(hint))?,
                origin: said.origin.clone(),
            },
            None => Answer {
                value: on.usual(),
                origin: Origin::Default,
            },
        };
        let cannot = cannot(on, facts);
        if on == Limited::Processes
            && let Some(said) = asked
        {
            let limit = GroupLimit {
                on: Grouped::Processes,
                most: most.value,
            };
            match &cannot {
                // A group counts them for uid 0 too.
                Some((why, hint)) if way(facts).is_none() => return Err(said.refused(why, hint)),
                Some(_) => grouped.push((said, limit)),
                None if !grouped.is_empty() => grouped.push((said, limit)),
                None => {}
            }
        }
        match cannot {
            None => limits.push(Limit { on, most }),
            Some(_) if asked.is_some() => {}
            Some((why, _)) => notes.push(format!("{} have no limit: {why}", on.name())),
        }
    }
    Ok((limits, group(&grouped, facts)?))
}

/// What would be in force by what these profiles and the flags say; what nobody limits is not in it.
pub(super) fn in_force(
    entry: &Entry,
    profiles: &[(Text, Profile)],
) -> Result<Vec<(&'static str, u64)>, ConfigError> {
    let said = said(entry, profiles)?;
    let last = |name: &str| said.iter().rev().find(|said| said.name == name);
    let mut all = Vec::new();
    for on in Limited::SETTABLE {
        let most =
            last(on.name()).map(|said| on.read(&said.value).map_err(|hint| said.bad_value(hint)));
        all.push((on.name(), most.transpose()?.unwrap_or_else(|| on.usual())));
    }
    for on in Grouped::ALONE {
        if let Some(said) = last(on.name()) {
            let most = on.read(&said.value).map_err(|hint| said.bad_value(hint))?;
            all.push((on.name(), most));
        }
    }
    Ok(all)
}

/// What profiles and flags say, in order.
fn said(entry: &Entry, profiles: &[(Text, Profile)]) -> Result<Vec<Said>, ConfigError> {
    let mut all = Vec::new();
    for (path, profile) in profiles {
        all.extend(profile.limits.said().map(|(name, value)| Said {
            name: name.into(),
            value,
            origin: Origin::Profile(path.clone()),
        }));
    }
    let names = Limited::SETTABLE.map(Limited::name);
    let names = [&names[..], &Grouped::ALONE.map(Grouped::name)[..]].concat();
    for typed in &entry.shared.limit {
        let (name, value) = typed.split_once('=').unwrap_or((typed, ""));
        let said = Said {
            name: name.into(),
            value: value.into(),
            origin: Origin::Flag("--limit".into()),
        };
        let refused = |why: &str, hint: String| ConfigError::Limit {
            value: typed.as_str().into(),
            origin: "--limit".into(),
            why: why.into(),
            hint,
        };
        let known = format!("a name is one of {}", names.join(", "));
        if !typed.contains('=') {
            return Err(refused("it is not NAME=VALUE", known));
        }
        if !names.contains(&name) {
            let near = nearest(name, names.iter().copied());
            let hint = near.map_or(known, |near| format!("did you mean `{near}`?"));
            return Err(refused("there is no limit of that name", hint));
        }
        all.push(said);
    }
    Ok(all)
}

/// Why this host cannot give the limit, and what helps.
fn cannot(on: Limited, facts: &Facts) -> Option<(String, String)> {
    if on != Limited::Processes {
        return None;
    }
    if facts.user.uid == 0 {
        // copy_process() asks no limit of INIT_USER (kernel/fork.c).
        let why = "the kernel limits no process that uid 0 started".to_owned();
        return Some((why, "start claudebox as an ordinary user".into()));
    }
    (facts.host.kernel.version() < (5, 14)).then(|| {
        let why = format!(
            "Linux {} counts them for your whole account, not for the sandbox (5.14 is needed)",
            facts.host.kernel.release
        );
        (why, "use Linux 5.14 or later".into())
    })
}

/// The control group for these limits.
fn group(limits: &[(&Said, GroupLimit)], facts: &Facts) -> Result<Option<Group>, ConfigError> {
    let Some((said, _)) = limits.last() else {
        return Ok(None);
    };
    let Some(hierarchy) = facts.groups.hierarchy.clone() else {
        return Err(said.refused(
            "no cgroup v2 is mounted (cgroups(7))",
            "boot with systemd.unified_cgroup_hierarchy=1, without cgroup v1",
        ));
    };
    let Some(way) = way(facts) else {
        return Err(said.refused(
            "you have no systemd of your own at /run/user/UID/bus, and no control group in which you may make one",
            "log in by a session that systemd knows (loginctl list-sessions), or: sudo loginctl enable-linger USER",
        ));
    };
    if let (Way::Child { .. }, Some(parent)) = (&way, &facts.groups.parent) {
        let lacks = limits.iter().find(|(_, limit)| {
            let controller = limit.on.controller();
            !parent.controllers.iter().any(|has| has == controller)
        });
        if let Some((said, limit)) = lacks {
            let controller = limit.on.controller();
            return Err(said.refused(
                format!(
                    "groups in {} have no controller `{controller}`",
                    parent.folder
                ),
                format!(
                    "as root: echo +{controller} > {}/cgroup.subtree_control",
                    parent.folder
                ),
            ));
        }
    }
    Ok(Some(Group {
        limits: limits.iter().map(|(_, limit)| *limit).collect(),
        origin: said.origin.clone(),
        way,
        hierarchy,
    }))
}

/// By what a group is made: systemd first, whose tree it is.
fn way(facts: &Facts) -> Option<Way> {
    let groups = &facts.groups;
    if let (Some(busctl), Some(bus)) = (&groups.busctl, &groups.bus) {
        return Some(Way::Scope {
            busctl: busctl.clone(),
            bus: bus.clone(),
        });
    }
    let parent = groups.parent.as_ref()?;
    Some(Way::Child {
        parent: parent.folder.clone(),
    })
}
