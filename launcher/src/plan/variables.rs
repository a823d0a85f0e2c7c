//! Owns the environment inside, built from empty (ENV-A): generated, from the host's allowlist, asked for.

use std::os::unix::ffi::OsStrExt;

use super::agent::Shown;
use super::{Action, Steps, Variable, etc, files};
use crate::config::{Config, HOST_ALLOWLIST, Origin, writable_folders};
use crate::envfile;
use crate::facts::{Facts, Kind};
use crate::guard::Guard;
use crate::place::Secrets;
use crate::text::Text;

/// Every variable of the command; may add the mount that a certificate variable needs to hold.
pub(super) fn all(
    steps: &mut Steps,
    config: &Config,
    facts: &Facts,
    agent: &Option<Shown>,
    notes: &mut Vec<String>,
) -> Vec<Variable> {
    let mut variables: Vec<Variable> = config
        .variables
        .iter()
        .map(|asked| Variable {
            name: asked.name.clone(),
            value: asked.value.clone(),
            origin: asked.origin.clone(),
        })
        .collect();
    if let Some(agent) = &config.ssh.agent {
        variables.retain(|variable| variable.name != "SSH_AUTH_SOCK");
        let origin = agent.origin.clone();
        variables.push(Variable {
            name: "SSH_AUTH_SOCK".into(),
            value: files::SSH_AGENT.into(),
            origin,
        });
    }
    let mut offer = |name: Text, value: Text, origin: Origin| {
        if !variables.iter().any(|variable| variable.name == name) {
            variables.push(Variable {
                name,
                value,
                origin,
            });
        }
    };
    for (name, value) in generated(config, facts, agent) {
        offer(name.into(), value, Origin::Generated);
    }
    for (name, value) in &facts.environment {
        let Some(known) = name.utf8() else { continue };
        if known == "SSL_CERT_FILE" || known == "NIX_SSL_CERT_FILE" {
            match certificates(steps, config, facts, value) {
                Ok(value) => offer(name.clone(), value, Origin::Host),
                Err(why) => notes.push(format!("{name} is left out: {value} {why}")),
            }
        } else if HOST_ALLOWLIST.contains(&known) || is_locale(known) {
            offer(name.clone(), value.clone(), Origin::Host);
        }
    }
    variables
}

/// `LC_*`, as far as it is a name (locale(7)).
fn is_locale(name: &str) -> bool {
    name.len() > 3 && name.starts_with("LC_") && envfile::valid_name(name.as_bytes())
}

fn generated(config: &Config, facts: &Facts, agent: &Option<Shown>) -> [(&'static str, Text); 10] {
    [
        ("HOME", facts.user.home.clone()),
        ("USER", facts.user.name.clone()),
        ("LOGNAME", facts.user.name.clone()),
        ("PATH", path(config, facts, agent)),
        ("SHELL", etc::shell(facts)),
        ("TMPDIR", "/tmp".into()),
        ("XDG_RUNTIME_DIR", files::runtime_folder(facts)),
        // What tells the agent that it is sandboxed; IS_SANDBOX is the name that Claude Code itself knows.
        ("CLAUDEBOX", config.tier.value.name().into()),
        ("IS_SANDBOX", "1".into()),
        // The agent is read-only inside: an update could only fail (RUN-10).
        ("DISABLE_AUTOUPDATER", "1".into()),
    ]
}

/// ENV-E: only folders that are read-only inside; none because the host's PATH had it.
fn path(config: &Config, facts: &Facts, agent: &Option<Shown>) -> Text {
    let mut folders: Vec<Text> = config
        .path
        .iter()
        .map(|folder| folder.real.clone())
        .collect();
    folders.extend(agent.iter().map(|agent| agent.folder.clone()));
    folders.extend(facts.host.nix_tools.iter().cloned());
    if facts.host.usr {
        folders.extend(["/usr/bin", "/bin"].map(Text::from));
    }
    let folders: Vec<&[u8]> = folders.iter().map(|folder| folder.as_bytes()).collect();
    std::ffi::OsStr::from_bytes(&folders.join(&b':')).into()
}

/// The file that a certificate variable names, at a path that holds inside.
fn certificates(
    steps: &mut Steps,
    config: &Config,
    facts: &Facts,
    value: &Text,
) -> Result<Text, &'static str> {
    let node = facts
        .node(value.path())
        .filter(|node| node.kind == Kind::File)
        .ok_or("is not a file")?;
    if steps.shows(&node.real) {
        return Ok(node.real.clone());
    }
    // A generated or bound place of /etc keeps its path.
    let bound = steps.0.iter().any(|step| match &step.action {
        Action::Bind { at, .. } => value.path().starts_with(at.path()),
        _ => false,
    });
    if bound {
        return Ok(value.clone());
    }
    let planted = |folder: &Text| {
        node.links
            .iter()
            .any(|link| link.path().starts_with(folder.path()))
    };
    if writable_folders(facts, &config.grants).any(planted) {
        return Err("is reached through a link that can be written inside");
    }
    if Secrets::of(facts).uncovered_by(node.real.path()).is_some() {
        return Err("lies where secrets do");
    }
    let bind = Action::Bind {
        from: node.real.clone(),
        at: node.real.clone(),
        writable: false,
    };
    steps.add_for(
        Origin::Host,
        Guard::RootReadOnly,
        bind,
        "the certificates that the host's variable names",
    );
    Ok(node.real.clone())
}
