//! Owns what a project's file says, item by item, so that two contents can be compared and the difference shown to a person.
//!
//! By meaning and not by line: what stands far to the right, or is written as `\u0068`, is shown as what it does. A value that may be
//! a secret is not kept and not shown, only whether it is the same.

use std::collections::HashMap;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use serde::{Deserialize, Serialize};

use crate::envfile::{self, BadLine};
use crate::profile::{Mode, Profile};
use crate::secret;
use crate::text::{Text, escape};

/// One thing that a file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// The name of a variable, or the key of a profile; escaped.
    key: String,
    /// The value as it may be shown; `None` where none may.
    shown: Option<String>,
    /// Of key and value.
    sha256: String,
}

impl Said {
    fn new(key: &str, value: &[u8], shown: Option<String>) -> Self {
        // With the length between, so that no two pairs make the same bytes.
        let whole = [
            key.len().to_string().as_bytes(),
            b":",
            key.as_bytes(),
            value,
        ]
        .concat();
        Self {
            key: escape(key.as_ref()),
            shown,
            sha256: super::digest(&whole),
        }
    }

    fn open(key: &str, value: &str) -> Self {
        Self::new(
            key,
            value.as_bytes(),
            Some(secret::shown_text(value.as_ref())),
        )
    }

    /// The name of a variable, or the key of a profile.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// About how many bytes it takes.
    pub(super) fn len(&self) -> usize {
        self.key.len() + self.shown.as_ref().map_or(0, String::len) + self.sha256.len()
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shown {
            Some(shown) => write!(f, "{}: {shown}", self.key),
            None => write!(f, "{}=…", self.key),
        }
    }
}

/// What is another in a content than in the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'a> {
    /// It says this now.
    Added(&'a Said),
    /// It said this.
    Removed(&'a Said),
    /// It says the second in place of the first.
    Changed(&'a Said, &'a Said),
}

impl Change<'_> {
    /// What stands before it.
    #[must_use]
    pub fn mark(&self) -> &'static str {
        match self {
            Change::Added(_) => "+",
            Change::Removed(_) => "-",
            Change::Changed(..) => "~",
        }
    }
}

impl fmt::Display for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Added(said) | Change::Removed(said) => write!(f, "{said}"),
            Change::Changed(before, now) => match (&before.shown, &now.shown) {
                (Some(before), Some(shown)) => write!(f, "{}: {before} -> {shown}", now.key),
                _ => write!(f, "{}: another value", now.key),
            },
        }
    }
}

/// The assignments of an env file. No value is kept.
///
/// # Errors
/// Where it is none.
pub fn of_env(content: &Text) -> Result<Vec<Said>, BadLine> {
    let lines = envfile::parse(content.as_bytes())?;
    let said = lines
        .iter()
        .map(|line| Said::new(&line.name.to_string_lossy(), line.value.as_bytes(), None));
    Ok(said.collect())
}

/// What a profile says, key by key.
#[must_use]
pub fn of_profile(profile: &Profile) -> Vec<Said> {
    // Taken apart by name: a new key does not compile until it is shown.
    let Profile {
        description,
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
        hide,
    } = profile;
    let mut said = Vec::new();
    let mut each = |key: &str, values: &[String]| {
        said.extend(values.iter().map(|value| Said::open(key, value)));
    };
    each("env", env);
    each("allow", allow);
    each("host_ports", host_ports);
    each("publish", publish);
    each("path", path);
    each("hide", hide);
    each("ssh.keys", &ssh.keys);
    for mount in mounts {
        let mode = match mount.mode {
            Mode::Ro => "read-only",
            Mode::Rw => "read-write",
        };
        let uncovers = if mount.uncover_secret {
            ", uncovers a secret"
        } else {
            ""
        };
        said.push(Said::open(
            "mounts",
            &format!("{}, {mode}{uncovers}", mount.path),
        ));
    }
    for (name, value) in &set.0 {
        said.push(Said::new(&format!("set.{name}"), value.as_bytes(), None));
    }
    said.extend(network.map(|tier| Said::open("network", tier.name())));
    if let Some(agent) = agent {
        let words = || std::iter::once(&agent.command).chain(&agent.args);
        let whole = words().map(|word| format!("{}:{word}", word.len()));
        let shown = secret::shown_words(words().map(|word| word.as_ref()));
        let whole = whole.collect::<String>();
        said.push(Said::new("agent", whole.as_bytes(), Some(shown.join(" "))));
    }
    if ssh.agent {
        said.push(Said::open("ssh.agent", "true"));
    }
    for (name, value) in limits.said() {
        said.push(Said::open(&format!("limits.{name}"), &value));
    }
    said.extend(
        description
            .iter()
            .map(|text| Said::open("description", text)),
    );
    said
}

/// What `now` says otherwise than `before`. Order is no difference, nor how it is written.
#[must_use]
pub fn difference<'a>(before: &'a [Said], now: &'a [Said]) -> Vec<Change<'a>> {
    let (gone, new) = (missing(before, now), missing(now, before));
    let (mut gone_by_key, mut new_by_key) = (by_key(&gone), by_key(&new));
    // A key that stands once on each side has another value; in a list one thing goes and another comes.
    gone_by_key.retain(|key, said| {
        said.len() == 1 && new_by_key.get(key).is_some_and(|new| new.len() == 1)
    });
    new_by_key.retain(|key, _| gone_by_key.contains_key(key));
    let changes = new.iter().map(|said| match gone_by_key.get(said.key()) {
        Some(before) => Change::Changed(before[0], said),
        None => Change::Added(said),
    });
    let removed = gone
        .iter()
        .filter(|said| !new_by_key.contains_key(said.key()));
    changes
        .chain(removed.map(|said| Change::Removed(said)))
        .collect()
}

/// What stands in `some` and not in `other`, as often as it does.
fn missing<'a>(some: &'a [Said], other: &[Said]) -> Vec<&'a Said> {
    let mut left: HashMap<&str, usize> = HashMap::new();
    for said in other {
        *left.entry(&said.sha256).or_default() += 1;
    }
    let mut is_missing = |said: &Said| match left.get_mut(&*said.sha256) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    };
    some.iter().filter(|said| is_missing(said)).collect()
}

fn by_key<'a>(all: &[&'a Said]) -> HashMap<&'a str, Vec<&'a Said>> {
    let mut keys: HashMap<&str, Vec<&Said>> = HashMap::new();
    for said in all {
        keys.entry(said.key()).or_default().push(said);
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Content, ProfileFile};

    fn profile(json: &str) -> Vec<Said> {
        let file = ProfileFile {
            name: None,
            path: "x".into(),
            content: Content::Bytes(json.into()),
        };
        of_profile(
            &crate::profile::parse(&file)
                .expect("a profile")
                .expect("one"),
        )
    }

    fn told(before: &[Said], now: &[Said]) -> Vec<String> {
        let changes = difference(before, now);
        let line = |change: &Change<'_>| format!("{} {change}", change.mark());
        changes.iter().map(line).collect()
    }

    #[test]
    fn a_profile_is_compared_by_what_it_means() {
        let before = profile(r#"{"network":"none","hide":[".env"],"mounts":[{"path":"~/a"}]}"#);
        let spelled = profile(
            "{\"mounts\" : [{\"path\":\"~/\\u0061\",\"mode\":\"ro\"}],\n\n\"hide\":[\".env\"], \"network\":\"none\"}",
        );
        assert!(told(&before, &spelled).is_empty());
        let now = profile(
            r#"{"network":"full","mounts":[{"path":"~/a","mode":"rw"}],"set":{"X":"hunter2"},"ssh":{"agent":true}}"#,
        );
        assert_eq!(
            told(&before, &now),
            [
                "~ mounts: ~/a, read-only -> ~/a, read-write",
                "+ set.X=…",
                "~ network: none -> full",
                "+ ssh.agent: true",
                "- hide: .env",
            ]
        );
    }

    #[test]
    fn of_variables_names_are_told_and_no_value() {
        let env = |text: &str| of_env(&text.into()).expect("a good file");
        let before = env("A=hunter2\nB=2\n");
        let now = env("# c\nC=hunter2\nA=hunter3\n");
        assert_eq!(
            told(&before, &now),
            ["+ C=…", "~ A: another value", "- B=…"]
        );
        let kept = serde_json::to_string(&before).expect("it serialises");
        assert!(!kept.contains("hunter2"), "{kept}");
    }

    #[test]
    fn a_large_file_is_compared_in_time() {
        let began = std::time::Instant::now();
        let many = |value: &str| {
            (0..120_000)
                .map(|n| format!("N{n}={value}\n"))
                .collect::<String>()
        };
        let env = |text: String| of_env(&text.as_str().into()).expect("a good file");
        let (before, now) = (env(many("1")), env(many("2")));
        assert_eq!(difference(&before, &now).len(), 120_000);
        assert!(
            began.elapsed() < std::time::Duration::from_secs(10),
            "{:?}",
            began.elapsed()
        );
    }

    #[test]
    fn what_is_shown_stays_one_line_and_shows_no_token() {
        let said = profile(
            "{\"description\":\"x\\n+ hide: .env\\u001b[2J\",\"agent\":{\"command\":\"a\",\"args\":[\"--token\",\"hunter2\"]},\
             \"set\":{\"A\\nB\":\"\"}}",
        );
        let all: Vec<String> = said.iter().map(ToString::to_string).collect();
        assert!(
            all.iter().all(|line| !line.contains(['\n', '\x1b'])),
            "{all:?}"
        );
        assert!(!all.join(" ").contains("hunter2"), "{all:?}");
    }
}
