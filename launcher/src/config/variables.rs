//! Owns which variables were asked for, and which names may come from where (ENV-A, ENV-C, ENV-D).

use std::os::unix::ffi::OsStrExt;

use super::{ConfigError, Origin, project};
use crate::cli::Entry;
use crate::envfile;
use crate::facts::{Content, Facts};
use crate::profile::Profile;
use crate::text::Text;

/// Names that claudebox gives values to (ENV-A). The last three tell the agent that it is sandboxed, and keep it from
/// updating itself.
pub const GENERATED: [&str; 10] = [
    "HOME",
    "USER",
    "LOGNAME",
    "PATH",
    "SHELL",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "CLAUDEBOX",
    "IS_SANDBOX",
    "DISABLE_AUTOUPDATER",
];

/// Names that pass from the host if set; `LC_*` does too (ENV-A).
pub const HOST_ALLOWLIST: [&str; 9] = [
    "TERM",
    "COLORTERM",
    "LANG",
    "TZ",
    "EDITOR",
    "VISUAL",
    "ANTHROPIC_API_KEY",
    "SSL_CERT_FILE",
    "NIX_SSL_CERT_FILE",
];

/// Longest `NAME=VALUE` with its NUL that execve(2) takes: MAX_ARG_STRLEN, 32 pages of 4096 bytes.
const LIMIT: usize = 131_072;

/// Starts of names that load code or steer other tools (ENV-C).
const STEERING_STARTS: &[&str] = &[
    "LD_",
    "DYLD_",
    "GIT_",
    "NIX_",
    "PYTHON",
    "PIP_",
    "UV_",
    "CARGO_",
    "RUSTC",
    "RUSTUP_",
    "NPM_CONFIG_",
    "npm_config_",
    "YARN_",
    "NODE_",
    "BASH_FUNC_",
    "CLAUDE",
    "ANTHROPIC_",
    "MALLOC_",
    "XDG_",
    "SSH_",
    "DOCKER_",
    "GOFLAGS",
    "GOPROXY",
    "DOTNET_",
];

/// Ends of such names.
const STEERING_ENDS: &[&str] = &[
    "_ASKPASS",
    "_WRAPPER",
    "_PROXY",
    "_proxy",
    "_CA_BUNDLE",
    "_CERT_FILE",
    "_CERT_DIR",
    "_OPTIONS",
];

/// Such names in full.
const STEERING: &[&str] = &[
    "BASH_ENV",
    "ENV",
    "SHELLOPTS",
    "BASHOPTS",
    "IFS",
    "PS0",
    "PS1",
    "PS2",
    "PS4",
    "PROMPT_COMMAND",
    "ZDOTDIR",
    "INPUTRC",
    "PERL5OPT",
    "PERL5LIB",
    "PERLLIB",
    "PERL5DB",
    "RUBYOPT",
    "RUBYLIB",
    "CLASSPATH",
    "GCONV_PATH",
    "LOCPATH",
    "GLIBC_TUNABLES",
    "LESSOPEN",
    "LESSCLOSE",
    "PAGER",
    "MANPAGER",
    "BROWSER",
    "EDITOR",
    "VISUAL",
    "RUSTFLAGS",
    "MAKEFLAGS",
    "GCC_EXEC_PREFIX",
    "HOSTALIASES",
    "OPENSSL_CONF",
    "KUBECONFIG",
    "LUA_INIT",
    "CURL_HOME",
    "TERMINFO",
];

/// A variable that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its exact name.
    pub name: Text,
    /// Its value.
    pub value: Text,
    /// Who asked.
    pub origin: Origin,
}

/// Whether `name` loads code or steers other tools, so that it may not come from a file that the agent can write.
#[must_use]
pub fn steers(name: &Text) -> bool {
    let Some(name) = name.utf8() else { return true };
    STEERING.contains(&name)
        || STEERING_STARTS.iter().any(|start| name.starts_with(start))
        || STEERING_ENDS.iter().any(|end| name.ends_with(end))
}

/// Everything that was asked for, strongest first: --env, CLAUDEBOX_EXTRA_ENV, project, user, profiles (the last first).
pub(super) fn requested(
    entry: &Entry,
    facts: &Facts,
    profiles: &[(Text, Profile)],
    notes: &mut Vec<String>,
) -> Result<Vec<Variable>, ConfigError> {
    let mut asked = Asked {
        variables: Vec::new(),
    };
    for name in &entry.shared.env {
        asked.pass(
            name.clone().into(),
            Origin::Flag("--env".into()),
            facts,
            notes,
        )?;
    }
    if let Some(names) = facts.variable("CLAUDEBOX_EXTRA_ENV") {
        let names = names
            .as_bytes()
            .split(|byte| *byte == b',')
            .map(<[u8]>::trim_ascii);
        for name in names.filter(|name| !name.is_empty()) {
            let name = std::ffi::OsStr::from_bytes(name).into();
            asked.pass(
                name,
                Origin::Variable("CLAUDEBOX_EXTRA_ENV".into()),
                facts,
                notes,
            )?;
        }
    }
    if let Some((path, content)) = project::approved_env(facts)? {
        let origin = Origin::EnvFile(path);
        for (name, value) in assignments(content, &origin)? {
            refuse_from_project(&name, &origin)?;
            asked.set(name, value, origin.clone())?;
        }
    }
    let user_env = facts.files.folder.join("env");
    match &facts.files.user_env {
        Content::Absent => {}
        Content::Refused(why) => {
            return Err(ConfigError::EnvFile {
                path: user_env,
                why: why.clone(),
            });
        }
        Content::Bytes(content) => {
            let origin = Origin::EnvFile(user_env);
            for (name, value) in assignments(content, &origin)? {
                asked.set(name, value, origin.clone())?;
            }
        }
    }
    for (path, profile) in profiles.iter().rev() {
        let origin = Origin::Profile(path.clone());
        for (name, value) in &profile.set.0 {
            asked.set(name.as_str().into(), value.as_str().into(), origin.clone())?;
        }
        for name in &profile.env {
            asked.pass(name.as_str().into(), origin.clone(), facts, notes)?;
        }
    }
    Ok(asked.variables)
}

/// Refuses a project's env file of which a launch would not take each line.
pub(super) fn refuse_project_env(content: &Text, origin: &Origin) -> Result<(), ConfigError> {
    let mut lines = assignments(content, origin)?.into_iter();
    lines.try_for_each(|(name, _)| refuse_from_project(&name, origin))
}

fn assignments(content: &Text, origin: &Origin) -> Result<Vec<(Text, Text)>, ConfigError> {
    let Origin::EnvFile(path) = origin else {
        return Ok(Vec::new());
    };
    let parsed = envfile::parse(content.as_bytes());
    let parsed = parsed.map_err(|bad| ConfigError::EnvLine {
        path: path.clone(),
        bad,
    })?;
    Ok(parsed
        .into_iter()
        .map(|line| (line.name, line.value))
        .collect())
}

/// Refuses a name that no file of a project may set or pass.
pub(super) fn refuse_from_project(name: &Text, origin: &Origin) -> Result<(), ConfigError> {
    let why = if GENERATED.iter().any(|generated| *name == *generated) {
        "claudebox gives it its value"
    } else if steers(name) {
        "it loads code or steers other tools, and what runs inside can write that file"
    } else {
        return Ok(());
    };
    Err(ConfigError::VariableRefused {
        name: name.clone(),
        origin: origin.to_string(),
        why,
        hint: "ask for it by --env NAME, in ~/.claudebox/env or in a profile",
    })
}

/// Collects requests; the first for a name wins.
struct Asked {
    variables: Vec<Variable>,
}

impl Asked {
    fn set(&mut self, name: Text, value: Text, origin: Origin) -> Result<(), ConfigError> {
        self.check_name(&name, &origin)?;
        let length = name.len() + 1 + value.len() + 1;
        if length > LIMIT {
            let origin = origin.to_string();
            return Err(ConfigError::VariableTooLong {
                name,
                origin,
                length: value.len(),
                limit: LIMIT,
            });
        }
        if value.as_bytes().contains(&0) {
            return Err(ConfigError::VariableRefused {
                name,
                origin: origin.to_string(),
                why: "its value holds a NUL byte",
                hint: "take the NUL byte out of the value",
            });
        }
        if !self.variables.iter().any(|variable| variable.name == name) {
            self.variables.push(Variable {
                name,
                value,
                origin,
            });
        }
        Ok(())
    }

    fn pass(
        &mut self,
        name: Text,
        origin: Origin,
        facts: &Facts,
        notes: &mut Vec<String>,
    ) -> Result<(), ConfigError> {
        self.check_name(&name, &origin)?;
        match facts.environment.iter().find(|(key, _)| *key == name) {
            Some((_, value)) => self.set(name, value.clone(), origin),
            None => {
                notes.push(format!(
                    "{name} ({origin}) is not set on the host, so it is not set inside"
                ));
                Ok(())
            }
        }
    }

    fn check_name(&self, name: &Text, origin: &Origin) -> Result<(), ConfigError> {
        if !envfile::valid_name(name.as_bytes()) {
            return Err(ConfigError::VariableName {
                name: without_value(name),
                origin: origin.to_string(),
            });
        }
        let (why, hint) = match name.utf8() {
            Some("PATH") => (
                "PATH inside holds only folders that are read-only there",
                "use --path-add DIR",
            ),
            Some("HOME") => (
                "it is where the private home folder lies",
                "start claudebox with another HOME",
            ),
            _ => return Ok(()),
        };
        Err(ConfigError::VariableRefused {
            name: name.clone(),
            origin: origin.to_string(),
            why,
            hint,
        })
    }
}

/// A name for a message: `NAME=value` typed by mistake must not print the value.
fn without_value(name: &Text) -> Text {
    let end = name
        .as_bytes()
        .iter()
        .position(|byte| *byte == b'=')
        .map_or(name.len(), |at| at + 1);
    let mut shown = std::ffi::OsStr::from_bytes(&name.as_bytes()[..end]).to_owned();
    if end < name.len() {
        shown.push("…");
    }
    shown.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_load_code_are_known() {
        for name in [
            "LD_PRELOAD",
            "BASH_ENV",
            "NODE_OPTIONS",
            "PYTHONPATH",
            "PERL5OPT",
            "GIT_SSH_COMMAND",
            "NIX_CONFIG",
            "SSH_ASKPASS",
            "RUSTC_WRAPPER",
            "CLAUDEBOX_NETWORK",
            "ANTHROPIC_BASE_URL",
            "HTTPS_PROXY",
            "https_proxy",
            "NODE_EXTRA_CA_CERTS",
        ] {
            assert!(steers(&name.into()), "{name}");
        }
        for name in ["DATABASE_URL", "MY_TOKEN", "RUST_LOG"] {
            assert!(!steers(&name.into()), "{name}");
        }
    }

    #[test]
    fn a_value_typed_with_its_name_is_not_shown() {
        assert_eq!(
            without_value(&"TOKEN=hunter2".into()).to_string(),
            "TOKEN=…"
        );
    }
}
