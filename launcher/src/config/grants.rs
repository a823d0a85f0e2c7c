//! Owns which paths of the host were asked for, and which of them may enter (FS-E, FS-G, SSH-01).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{ConfigError, Origin, within};
use crate::cli::Entry;
use crate::facts::{self, Facts, Kind};
use crate::place;
use crate::profile::{Mode, Profile};
use crate::text::Text;

/// A path that was asked for and may enter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// As asked for, made absolute.
    pub path: Text,
    /// Its end, all links followed.
    pub real: Text,
    /// Whether it is a folder.
    pub folder: bool,
    /// Whether it can be written.
    pub writable: bool,
    /// The secret that it uncovers, as its profile says in so many words.
    pub uncovers: Option<String>,
    /// Who asked.
    pub origin: Origin,
}

/// What of ssh is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ssh {
    /// The agent's socket on the host.
    pub agent: Option<Grant>,
    /// Private keys, and the `.pub` of each where there is one.
    pub keys: Vec<Grant>,
    /// The user's known_hosts.
    pub known_hosts: Option<Text>,
}

/// `PATH[:ro|:rw]` taken apart. A path that itself ends so is written with `:ro` or `:rw` once more.
#[must_use]
pub fn split_mount(argument: &OsStr) -> (Text, Mode) {
    let bytes = argument.as_bytes();
    for (suffix, mode) in [(":ro", Mode::Ro), (":rw", Mode::Rw)] {
        if let Some(path) = bytes
            .strip_suffix(suffix.as_bytes())
            .filter(|path| !path.is_empty())
        {
            return (OsStr::from_bytes(path).into(), mode);
        }
    }
    (argument.into(), Mode::Ro)
}

/// All `--mount`, `--mount-home` and `mounts`, parents before children, each place once.
pub(super) fn requested(
    entry: &Entry,
    facts: &Facts,
    profiles: &[(Text, Profile)],
    notes: &mut Vec<String>,
) -> Result<Vec<Grant>, ConfigError> {
    let mut grants: Vec<Grant> = Vec::new();
    for (path, profile) in profiles {
        for mount in &profile.mounts {
            let origin = Origin::Profile(path.clone());
            let path = mount.path.as_str().into();
            grants.extend(one(
                facts,
                &path,
                mount.mode,
                mount.uncover_secret,
                origin,
                notes,
            )?);
        }
    }
    for argument in &entry.shared.mount {
        let (path, mode) = split_mount(argument);
        grants.extend(one(
            facts,
            &path,
            mode,
            false,
            Origin::Flag("--mount".into()),
            notes,
        )?);
    }
    for sub in &entry.shared.mount_home {
        let path = Text::from(Path::new("~").join(sub).as_path());
        let origin = Origin::Flag("--mount-home".into());
        match one(facts, &path, Mode::Rw, false, origin, notes) {
            // As in the predecessor: a folder that is not there yet is no reason to stop.
            Err(ConfigError::PathMissing { path, .. }) => {
                notes.push(format!("{path} (--mount-home) is not there"))
            }
            grant => grants.extend(grant?),
        }
    }
    grants.sort_by(|a, b| a.real.cmp(&b.real));
    for index in 1..grants.len() {
        let (earlier, later) = (&grants[index - 1], &grants[index]);
        if earlier.real == later.real && earlier.writable != later.writable {
            return Err(refused(later, "it is asked for read-only and read-write"));
        }
    }
    grants.dedup_by(|later, earlier| later.real == earlier.real);
    for grant in &grants {
        if let Some(above) = grants.iter().find(|above| {
            above.writable && above.real != grant.real && within(&grant.real, &above.real)
        }) {
            return Err(refused(
                grant,
                &format!(
                    "it lies in {}, which can be written inside (FS-G)",
                    above.real
                ),
            ));
        }
    }
    Ok(grants)
}

fn refused(grant: &Grant, why: &str) -> ConfigError {
    ConfigError::Grant {
        path: grant.path.clone(),
        origin: grant.origin.to_string(),
        why: why.into(),
    }
}

/// One grant, judged; `None` where it is visible anyway.
fn one(
    facts: &Facts,
    path: &Text,
    mode: Mode,
    may_uncover: bool,
    origin: Origin,
    notes: &mut Vec<String>,
) -> Result<Option<Grant>, ConfigError> {
    let path = facts::expand(path, &facts.user.home, facts.project.cwd.path());
    let Some(node) = facts.node(path.path()) else {
        return Err(ConfigError::PathMissing {
            path,
            origin: origin.to_string(),
        });
    };
    let mut grant = Grant {
        real: node.real.clone(),
        folder: node.kind == Kind::Folder,
        writable: mode == Mode::Rw,
        uncovers: None,
        path,
        origin,
    };
    if !matches!(node.kind, Kind::File | Kind::Folder) {
        return Err(refused(&grant, "it is a socket, a FIFO or a device"));
    }
    if within(&grant.real, &facts.project.root) {
        notes.push(format!(
            "{} ({}) lies in the project and is visible anyway",
            grant.path, grant.origin
        ));
        return Ok(None);
    }
    if grant.writable && within(&facts.project.root, &grant.real) {
        return Err(refused(
            &grant,
            "the project lies in it, and would be mounted beneath what can be written (FS-G)",
        ));
    }
    for system in [
        "/usr", "/nix", "/etc", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
    ] {
        if within(&grant.real, system) {
            if grant.writable {
                return Err(refused(&grant, "it is a folder of the system"));
            }
            if system == "/usr" && facts.host.usr
                || system == "/nix" && within(&grant.real, "/nix/store")
            {
                notes.push(format!(
                    "{} ({}) is visible anyway",
                    grant.path, grant.origin
                ));
                return Ok(None);
            }
        }
    }
    let own = within(&grant.real, &facts.files.folder) || within(&facts.files.folder, &grant.real);
    let secret = place::uncovers(grant.real.path(), facts.user.home.path(), |place| {
        facts
            .node(place)
            .filter(|node| node.link)
            .map(|node| node.real.path())
    });
    let secret = secret.or(own.then(|| (facts.files.folder.to_string(), "what steers claudebox")));
    if let Some((place, what)) = secret {
        if !may_uncover || own {
            return Err(refused(
                &grant,
                &format!("{} holds {what}", Text::from(place)),
            ));
        }
        grant.uncovers = Some(what.to_owned());
    }
    Ok(Some(grant))
}

/// `--path-add` and `path`: folders shown read-only and put first on PATH.
pub(super) fn path(
    entry: &Entry,
    facts: &Facts,
    profiles: &[(Text, Profile)],
) -> Result<Vec<Grant>, ConfigError> {
    let flags = entry
        .shared
        .path_add
        .iter()
        .map(|dir| (Text::from(dir.as_path()), Origin::Flag("--path-add".into())));
    let of_profiles = profiles.iter().rev().flat_map(|(file, profile)| {
        profile
            .path
            .iter()
            .map(move |dir| (dir.as_str().into(), Origin::Profile(file.clone())))
    });
    let mut folders: Vec<Grant> = Vec::new();
    for (dir, origin) in flags.chain(of_profiles) {
        let path = facts::expand(&dir, &facts.user.home, facts.project.cwd.path());
        let Some(node) = facts.node(path.path()) else {
            return Err(ConfigError::PathMissing {
                path,
                origin: origin.to_string(),
            });
        };
        let grant = Grant {
            real: node.real.clone(),
            folder: true,
            writable: false,
            uncovers: None,
            path,
            origin,
        };
        if node.kind != Kind::Folder {
            return Err(refused(&grant, "it is not a folder"));
        }
        if within(&grant.real, &facts.project.root) {
            return Err(refused(
                &grant,
                "it lies in the project, which can be written inside; PATH holds only what cannot",
            ));
        }
        if grant.real.as_bytes().contains(&b':') {
            return Err(refused(
                &grant,
                "its name holds a `:`, which separates folders in PATH",
            ));
        }
        let visible =
            facts.host.usr && within(&grant.real, "/usr") || within(&grant.real, "/nix/store");
        if !visible {
            one(
                facts,
                &dir,
                Mode::Ro,
                false,
                grant.origin.clone(),
                &mut Vec::new(),
            )?;
        }
        folders.push(grant);
    }
    Ok(folders)
}

/// `--with-ssh`, `--ssh-key` and `ssh`. The host's ssh configuration never enters.
pub(super) fn ssh(
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
            writable: false,
            uncovers: Some("what runs inside can read this private key".into()),
            origin,
        };
        if node.kind != Kind::File {
            return Err(refused(&grant, "it is not a regular file"));
        }
        if keys
            .iter()
            .any(|other| other.path.path().file_name() == grant.path.path().file_name())
        {
            return Err(refused(&grant, "another key has the same file name"));
        }
        keys.push(grant.clone());
        if let Some(node) = facts
            .node(public.path())
            .filter(|node| node.kind == Kind::File)
        {
            (grant.path, grant.real, grant.uncovers) = (public, node.real.clone(), None);
            keys.push(grant);
        }
    }
    let agent = agent.transpose()?;
    let given = agent.is_some() || !keys.is_empty();
    let known_hosts = facts.node(&facts.user.home.path().join(".ssh/known_hosts"));
    let known_hosts = known_hosts
        .filter(|node| given && node.kind == Kind::File)
        .map(|node| node.real.clone());
    Ok(Ssh {
        agent,
        keys,
        known_hosts,
    })
}
