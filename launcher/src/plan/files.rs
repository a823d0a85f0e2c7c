//! Owns the steps that make the file system, but for `/etc` and the agent: system, private and shared places.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{Action, PlanError, Steps, process};
use crate::config::{Config, Grant, Origin};
use crate::facts::{Facts, Git, Kind, OF_ROOT_ALONE, SYSTEM_FOLDERS, SYSTEM_KNOWN_HOSTS};
use crate::guard::Guard;
use crate::text::Text;

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

/// Where the forwarded ssh agent listens inside.
pub(super) const SSH_AGENT: &str = "/run/claudebox/ssh-agent";

/// The private runtime folder.
pub(super) fn runtime_folder(facts: &Facts) -> Text {
    format!("/run/user/{}", process::identity(facts).0).into()
}

/// Programs and libraries (FS-B), and the two paths that every script expects (FS-C).
pub(super) fn system(steps: &mut Steps, facts: &Facts) -> Result<(), PlanError> {
    let read_only = |at: &str| Action::Bind {
        from: at.into(),
        at: at.into(),
        writable: false,
    };
    if !facts.host.usr && !facts.host.nix_store {
        return Err(PlanError::NoSystem);
    }
    if facts.host.usr {
        steps.add(
            Guard::RootReadOnly,
            read_only("/usr"),
            "programs and libraries of the distribution",
        );
        for folder in SYSTEM_FOLDERS {
            match facts.node(Path::new(folder)) {
                Some(node) if node.link => {
                    let link = Action::Link {
                        at: folder.into(),
                        to: node.real.clone(),
                    };
                    steps.add(
                        Guard::RootReadOnly,
                        link,
                        "as on the host, whose /usr is merged",
                    );
                }
                Some(node) if node.kind == Kind::Folder => {
                    steps.add(
                        Guard::RootReadOnly,
                        read_only(folder),
                        "as on the host, whose /usr is not merged",
                    );
                }
                _ => {}
            }
        }
    }
    if facts.host.nix_store {
        steps.add(
            Guard::RootReadOnly,
            read_only("/nix/store"),
            "programs and libraries of Nix",
        );
    }
    if !facts.host.usr {
        for program in ["/bin/sh", "/usr/bin/env"] {
            if let Some(node) = facts.node(Path::new(program)) {
                let link = Action::Link {
                    at: program.into(),
                    to: node.real.clone(),
                };
                steps.add(
                    Guard::RootReadOnly,
                    link,
                    "the one that every script expects",
                );
            }
        }
    }
    Ok(())
}

/// What is made anew for each session.
pub(super) fn private(steps: &mut Steps, facts: &Facts) {
    use Action::{Dev, Proc, Tmpfs};
    let tmpfs = |at: &str, bytes, mode| Tmpfs {
        at: at.into(),
        bytes,
        mode,
    };
    steps.add(
        Guard::PidNamespace,
        Proc { at: "/proc".into() },
        "shows its own processes",
    );
    steps.add(
        Guard::HostHidden,
        Dev { at: "/dev".into() },
        "null, zero, full, random, urandom, tty, pts",
    );
    steps.add(
        Guard::TmpPrivate,
        tmpfs("/dev/shm", GIB, 0o1777),
        "shared memory of its own",
    );
    steps.add(
        Guard::TmpPrivate,
        tmpfs("/tmp", 4 * GIB, 0o1777),
        "temporary files of its own",
    );
    steps.add(
        Guard::TmpPrivate,
        tmpfs("/var/tmp", 4 * GIB, 0o1777),
        "temporary files of its own",
    );
    let runtime = runtime_folder(facts);
    steps.add(
        Guard::HostHidden,
        Tmpfs {
            at: runtime,
            bytes: 64 * MIB,
            mode: 0o700,
        },
        "XDG_RUNTIME_DIR: private and empty",
    );
    let home = &facts.user.home;
    steps.add(
        Guard::HomeHidden,
        Tmpfs {
            at: home.clone(),
            bytes: 4 * GIB,
            mode: 0o700,
        },
        "the home folder: empty, gone at the end",
    );
    let git_config = home.join(".config/git/config");
    let content = git_config_text(facts);
    steps.add(
        Guard::HomeHidden,
        Action::File {
            at: git_config,
            content,
        },
        "name and address for commits, nothing else",
    );
}

/// Grants, the project, its git folder.
pub(super) fn shared(steps: &mut Steps, config: &Config, facts: &Facts, notes: &mut Vec<String>) {
    for grant in &config.grants {
        show(steps, grant, facts);
    }
    for folder in &config.path {
        if !steps.shows(&folder.real) {
            show(steps, folder, facts);
        }
    }
    ssh(steps, config, facts);
    project(steps, facts, notes);
    super::over::add(steps, config, facts);
}

/// The project, and the git folder that a commit needs where that lies elsewhere (FS-H).
fn project(steps: &mut Steps, facts: &Facts, notes: &mut Vec<String>) {
    let root = &facts.project.root;
    let writable = |folder: &Text| Action::Bind {
        from: folder.clone(),
        at: folder.clone(),
        writable: true,
    };
    let link = match &facts.project.git {
        Git::Linked(link) => Some(link),
        Git::Left(why) => {
            notes.push(format!("git: {why}"));
            None
        }
        Git::None | Git::Inside => None,
    };
    if let Some(link) = link.filter(|link| root.path().starts_with(link.common.path())) {
        // A worktree inside its bare repository: one mount, as none may lie beneath what can be written (FS-G).
        let why = "the repository that this worktree lies in: a commit needs it";
        steps.add_for(
            Origin::Host,
            Guard::ProjectOnly,
            writable(&link.common),
            why,
        );
        return;
    }
    steps.add_for(
        Origin::Default,
        Guard::ProjectOnly,
        writable(root),
        "the project",
    );
    if let Some(link) = link.filter(|link| !steps.shows(&link.common)) {
        let kind = if link.worktree {
            "worktree"
        } else {
            "submodule"
        };
        let why = format!("the git folder of this {kind}: a commit needs it");
        steps.add_for(
            Origin::Host,
            Guard::ProjectOnly,
            writable(&link.common),
            why,
        );
    }
}

/// One grant: its end at its real path, and the path that was asked for as a link to it (FS-C).
fn show(steps: &mut Steps, grant: &Grant, facts: &Facts) {
    let guard = if grant.writable {
        Guard::ProjectOnly
    } else {
        Guard::RootReadOnly
    };
    steps.show(guard, grant, grant.real.clone(), "asked for");
    let below_project = grant.path.path().starts_with(facts.project.root.path());
    let taken = steps
        .0
        .iter()
        .any(|step| step.action.place() == Some(&grant.path));
    if grant.path != grant.real && !below_project && !taken && !steps.shows(&grant.path) {
        let link = Action::Link {
            at: grant.path.clone(),
            to: grant.real.clone(),
        };
        steps.add_for(
            grant.origin.clone(),
            guard,
            link,
            "the path that was asked for is a link",
        );
    }
}

fn ssh(steps: &mut Steps, config: &Config, facts: &Facts) {
    let ssh = &config.ssh;
    if let Some(agent) = &ssh.agent {
        steps.show(Guard::HostHidden, agent, SSH_AGENT.into(), "the ssh agent");
    }
    let folder = facts.user.home.join(".ssh");
    for key in &ssh.keys {
        let name = key.path.path().file_name().unwrap_or_default();
        steps.show(Guard::HomeHidden, key, folder.join(name), "an ssh key");
    }
    for known_hosts in &ssh.known_hosts {
        let (guard, why) = if known_hosts.path == *SYSTEM_KNOWN_HOSTS {
            (
                Guard::EtcGenerated,
                "the hosts that your system knows, for ssh",
            )
        } else {
            (Guard::HomeHidden, "the hosts that you know, for ssh")
        };
        steps.show(guard, known_hosts, known_hosts.path.clone(), why);
    }
    if ssh.agent.is_some() || !ssh.keys.is_empty() {
        let content = ssh_config(config);
        let at = "/etc/ssh/ssh_config".into();
        let why = "the keys that were given, and nothing of your configuration of ssh";
        steps.add(Guard::EtcGenerated, Action::File { at, content }, why);
    }
}

/// ssh_config(5) inside. ssh tries keys of other than the usual names only where it is told of them, and would write new keys of
/// hosts to known_hosts, which is read-only. As the system's own file it may belong to anybody: who owns a user's is looked at.
fn ssh_config(config: &Config) -> Text {
    let mut lines = b"# Made by claudebox.\nUpdateHostKeys no\n".to_vec();
    let is_public = |name: &std::ffi::OsStr| name.as_bytes().ends_with(b".pub");
    let names = config
        .ssh
        .keys
        .iter()
        .filter_map(|key| key.path.path().file_name());
    for name in names.filter(|name| !is_public(name)) {
        // In quotes; of what would end them or be expanded there, ssh has to do without.
        if !name
            .as_bytes()
            .iter()
            .any(|byte| b"\"\\%$\n".contains(byte))
        {
            lines.extend([b"IdentityFile \"~/.ssh/", name.as_bytes(), b"\"\n"].concat());
        }
    }
    std::ffi::OsStr::from_bytes(&lines).into()
}

/// Nothing of the skeleton can be changed from inside (FS-A).
pub(super) fn seal(steps: &mut Steps, facts: &Facts) {
    for list in ["/proc/keys", "/proc/key-users"].map(Text::from) {
        if facts.node(list.path()).is_some() {
            steps.add(
                Guard::KeyringCalls,
                Action::Cover { at: list },
                "it names the keys of the host's user",
            );
        }
    }
    // NixOS keeps it in the store, which is readable as a whole.
    let nix_conf = facts
        .node(Path::new("/etc/nix/nix.conf"))
        .map(|node| &node.real);
    if let Some(nix_conf) = nix_conf.filter(|real| steps.shows(real)) {
        let cover = Action::Cover {
            at: nix_conf.clone(),
        };
        steps.add(
            Guard::HostHidden,
            cover,
            "it may hold access tokens (nix.conf(5))",
        );
    }
    if facts.user.uid == 0 {
        // To the kernel, who uid 0 started is uid 0 outside: the owner of every switch and every file, without any capability.
        for file in OF_ROOT_ALONE.map(Text::from) {
            if facts.node(file.path()).is_some() {
                steps.add(
                    Guard::ProcReadOnly,
                    Action::Cover { at: file },
                    "root alone may read it",
                );
            }
        }
        steps.add(
            Guard::ProcReadOnly,
            Action::RemountReadOnly { at: "/proc".into() },
            "no kernel switch can be turned",
        );
    }
    steps.add(
        Guard::RootReadOnly,
        Action::RemountReadOnly { at: "/dev".into() },
        "no device can be added",
    );
    steps.add(
        Guard::RootReadOnly,
        Action::RemountReadOnly { at: "/".into() },
        "nothing can be planted for later",
    );
}

/// `~/.config/git/config` inside: identity, safe.directory, and what spares a repack a complaint (FS-H). No helper, no hook, no include.
fn git_config_text(facts: &Facts) -> Text {
    let mut lines = Vec::new();
    let identity = &facts.git_identity;
    if identity.name.is_some() || identity.email.is_some() {
        lines.push("[user]".as_bytes().to_vec());
        for (key, value) in [("name", &identity.name), ("email", &identity.email)] {
            if let Some(value) = value {
                lines.push([b"\t", key.as_bytes(), b" = ", &git_quote(value.as_bytes())].concat());
            }
        }
    }
    lines.push(b"[safe]".to_vec());
    lines.push(
        [
            b"\tdirectory = ".as_slice(),
            &git_quote(facts.project.root.as_bytes()),
        ]
        .concat(),
    );
    // It would write to `info`, which is read-only (git-update-server-info(1)).
    lines.push(b"[repack]\n\tupdateServerInfo = false".to_vec());
    lines.push(Vec::new());
    std::ffi::OsStr::from_bytes(&lines.join(&b'\n')).into()
}

/// A value in quotes, as git-config(1) reads it.
fn git_quote(value: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'"'];
    for byte in value {
        match byte {
            b'"' | b'\\' => quoted.extend([b'\\', *byte]),
            b'\n' => quoted.extend(b"\\n"),
            b'\t' => quoted.extend(b"\\t"),
            byte => quoted.push(*byte),
        }
    }
    quoted.push(b'"');
    quoted
}
