//! Owns what of ssh is given: the agent, single keys, the known hosts (SSH-01).

use super::grants::{Grant, refused};
use super::{ConfigError, Origin, within};
use crate::cli::Entry;
use crate::facts::{self, Facts, Kind};
use crate::profile::Profile;
use crate::text::Text;

/// What of ssh is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ssh {
    /// The agent's socket on the host.
    pub agent: Option<Grant>,
    /// Private keys, and the `.pub` of each where there is one.
    pub keys: Vec<Grant>,
    /// The hosts that the user knows, and those that the system does.
    pub known_hosts: Vec<Grant>,
}

/// `--with-ssh`, `--ssh-key` and `ssh`. The host's ssh configuration never enters.
pub(super) fn requested(
    entry: &Entry,
    facts: &Facts,
    profiles: &[(Text, Profile)],
) -> Result<Ssh, ConfigError> {
    let of_profile = profiles.iter().rev().find(|(_, profile)| profile.ssh.agent);
    let wanted = entry
        .shared
        .with_ssh
        .then(|| Origin::Flag("--with-ssh".into()));
    let wanted = wanted.or_else(|| of_profile.map(|(path, _)| Origin::Profile(path.clone())));
    let agent = wanted.map(|origin| {
        let Some(socket) = facts.variable("SSH_AUTH_SOCK") else {
            return Err(ConfigError::SshAgent("SSH_AUTH_SOCK is not set".into()));
        };
        match facts.node(socket.path()) {
            Some(node) if node.kind == Kind::Socket => Ok(Grant {
                path: socket.clone(),
                real: node.real.clone(),
                folder: false,
                links: node.links.clone(),
                writable: false,
                uncovers: Some("what runs inside can sign as you".into()),
                origin,
            }),
            _ => Err(ConfigError::SshAgent(format!(
                "there is no socket at {socket}"
            ))),
        }
    });
    let flags = entry
        .shared
        .ssh_key
        .iter()
        .map(|key| (Text::from(key.as_path()), Origin::Flag("--ssh-key".into())));
    let of_profiles = profiles.iter().flat_map(|(file, profile)| {
        profile
            .ssh
            .keys
            .iter()
            .map(move |key| (key.as_str().into(), Origin::Profile(file.clone())))
    });
    let mut keys: Vec<Grant> = Vec::new();
    for (key, origin) in flags.chain(of_profiles) {
        let private = facts::expand(&key, &facts.user.home, facts.project.cwd.path());
        let public = facts::with_suffix(&private, ".pub");
        let Some(node) = facts.node(private.path()) else {
            return Err(ConfigError::PathMissing {
                path: private,
                origin: origin.to_string(),
            });
        };
        let mut grant = Grant {
            path: private,
            real: node.real.clone(),
            folder: false,
            links: node.links.clone(),
            writable: false,
            uncovers: Some("what runs inside can read this private key".into()),
            origin,
        };
        if node.kind != Kind::File {
            return Err(refused(
                &grant,
                "it is not a regular file",
                "name the private key itself",
            ));
        }
        if ["/proc", "/sys", "/dev"]
            .iter()
            .any(|place| within(&grant.real, place))
        {
            return Err(refused(
                &grant,
                "it is no file of a disk",
                "name the private key itself",
            ));
        }
        if keys
            .iter()
            .any(|other| other.path.path().file_name() == grant.path.path().file_name())
        {
            return Err(refused(
                &grant,
                "another key has the same file name",
                "rename one of them",
            ));
        }
        keys.push(grant.clone());
        if let Some(node) = facts
            .node(public.path())
            .filter(|node| node.kind == Kind::File)
        {
            (grant.path, grant.real, grant.links) = (public, node.real.clone(), node.links.clone());
            grant.uncovers = None;
            keys.push(grant);
        }
    }
    let agent = agent.transpose()?;
    // With the first thing of ssh that was asked for: it is of use to nobody else.
    let first = agent.iter().chain(&keys).next();
    Ok(Ssh {
        known_hosts: first.map_or_else(Vec::new, |first| known_hosts(facts, &first.origin)),
        agent,
        keys,
    })
}

/// The files of known hosts (ssh_config(5), UserKnownHostsFile and GlobalKnownHostsFile), for whoever asked for ssh.
fn known_hosts(facts: &Facts, origin: &Origin) -> Vec<Grant> {
    let own = facts.user.home.join(".ssh/known_hosts");
    let found = [own, facts::SYSTEM_KNOWN_HOSTS.into()].map(|path| {
        let node = facts.node(path.path())?;
        (node.kind == Kind::File).then(|| Grant {
            real: node.real.clone(),
            folder: false,
            links: node.links.clone(),
            writable: false,
            uncovers: None,
            origin: origin.clone(),
            path,
        })
    });
    found.into_iter().flatten().collect()
}
