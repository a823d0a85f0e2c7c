//! Owns what a session may use up: flag over profile over what is usual.

use super::{Answer, ConfigError, Origin};
use crate::cli::Entry;
use crate::facts::Facts;
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

/// Every limit that this host can give.
pub(super) fn all(
    entry: &Entry,
    facts: &Facts,
    profiles: &[(Text, Profile)],
    notes: &mut Vec<String>,
) -> Result<Vec<Limit>, ConfigError> {
    let mut said: Vec<Limit> = Vec::new();
    for (path, profile) in profiles {
        for (on, value) in profile.limits.said() {
            said.push(read(on, &value, Origin::Profile(path.clone()))?);
        }
    }
    for typed in &entry.shared.limit {
        let origin = Origin::Flag("--limit".into());
        let refused = |why: String, hint: String| ConfigError::Limit {
            value: typed.as_str().into(),
            origin: "--limit".into(),
            why,
            hint,
        };
        let names = Limited::SETTABLE.map(Limited::name);
        let Some((name, value)) = typed.split_once('=') else {
            let why = "it is not NAME=VALUE".to_owned();
            return Err(refused(
                why,
                format!("a name is one of {}", names.join(", ")),
            ));
        };
        let Some(on) = Limited::SETTABLE.into_iter().find(|on| on.name() == name) else {
            let hint = match nearest(name, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("a name is one of {}", names.join(", ")),
            };
            return Err(refused("there is no limit of that name".into(), hint));
        };
        said.push(read(on, value, origin)?);
    }
    let mut limits = Vec::new();
    for on in Limited::ALL {
        // The last one said is the strongest.
        let asked = said.iter().rev().find(|limit| limit.on == on);
        let limit = asked.cloned().unwrap_or(Limit {
            on,
            most: Answer {
                value: on.usual(),
                origin: Origin::Default,
            },
        });
        match cannot(on, facts) {
            None => limits.push(limit),
            Some((why, hint)) if asked.is_some() => {
                return Err(ConfigError::Limit {
                    value: on.name().into(),
                    origin: limit.most.origin.to_string(),
                    why,
                    hint,
                });
            }
            Some((why, _)) => notes.push(format!("{} have no limit: {why}", on.name())),
        }
    }
    Ok(limits)
}

fn read(on: Limited, value: &str, origin: Origin) -> Result<Limit, ConfigError> {
    match on.read(value) {
        Ok(value) => Ok(Limit {
            on,
            most: Answer { value, origin },
        }),
        Err(hint) => Err(ConfigError::Limit {
            value: on.name().into(),
            origin: origin.to_string(),
            why: "the value is none that it can have".into(),
            hint,
        }),
    }
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
