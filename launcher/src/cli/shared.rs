//! Owns the flags that shape the sandbox, the same for every command, and how they are typed again for another program.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use serde::Serialize;

use super::Tier;

/// What shapes the sandbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, ClapArgs)]
pub struct SharedArgs {
    /// What of the network is reachable inside [default: inet]
    #[arg(long, value_name = "TIER", value_enum)]
    pub network: Option<Tier>,

    /// On inet, also reach one port of a host that is not on the internet; /udp for UDP (repeatable)
    #[arg(long, value_name = "HOST:PORT")]
    pub allow: Vec<String>,

    /// On inet, reach a port of the host's loopback on the loopback inside (repeatable)
    #[arg(long, value_name = "PORT")]
    pub host_port: Vec<String>,

    /// On inet, let the host's loopback reach a port inside (repeatable)
    #[arg(long, value_name = "PORT")]
    pub publish: Vec<String>,

    /// Apply ~/.claudebox/profiles/NAME.json (repeatable)
    #[arg(long, value_name = "NAME")]
    pub profile: Vec<String>,

    /// Pass a variable of the host by its exact name (repeatable)
    #[arg(long, value_name = "NAME")]
    pub env: Vec<OsString>,

    /// Show a path of the host inside, read-only unless `:rw` (repeatable)
    #[arg(long, value_name = "PATH[:ro|:rw]")]
    pub mount: Vec<OsString>,

    /// Share a folder of the home folder read-write (repeatable)
    #[arg(long, value_name = "SUBDIR")]
    pub mount_home: Vec<PathBuf>,

    /// Put a folder first on PATH inside, shown read-only (repeatable)
    #[arg(long, value_name = "DIR")]
    pub path_add: Vec<PathBuf>,

    /// Make what GLOB names unreadable inside: .env, *.pem, config/keys/ (repeatable)
    #[arg(long, value_name = "GLOB")]
    pub hide: Vec<OsString>,

    /// Forward the ssh agent: whatever runs inside can sign as you
    #[arg(long)]
    pub with_ssh: bool,

    /// Show one private key and its .pub inside ~/.ssh, read-only (repeatable)
    #[arg(long, value_name = "PATH")]
    pub ssh_key: Vec<PathBuf>,

    /// Limit what a session may use: processes, files (open, of each process), locked-memory, memory or cpu (repeatable)
    #[arg(long, value_name = "NAME=VALUE")]
    pub limit: Vec<String>,

    /// Start although the caller is uid 0; inside it is an ordinary user
    #[arg(long)]
    pub allow_root: bool,
}

/// What is said when the session is over.
#[derive(Debug, Clone, Default, PartialEq, Eq, ClapArgs)]
pub struct EndArgs {
    /// How much of the tree is looked at when the session is over
    #[arg(long, value_name = "MODE", value_enum, default_value_t)]
    pub scan: Scan,

    /// Write what is said when the session is over to FILE, as JSON
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// How much of the tree is looked at when a session is over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scan {
    /// Everything, however long it takes
    Full,
    /// What can be looked at in 50 ms
    #[default]
    Quick,
    /// Nothing, and nothing is said
    Off,
}

impl SharedArgs {
    /// These flags as they are typed, for a program that starts claudebox.
    #[must_use]
    pub fn words(&self) -> Vec<OsString> {
        // Taken apart by name: a new flag does not compile until it is handed on.
        let Self {
            network,
            allow,
            host_port,
            publish,
            profile,
            env,
            mount,
            mount_home,
            path_add,
            hide,
            with_ssh,
            ssh_key,
            limit,
            allow_root,
        } = self;
        // In one word: a value may begin with a dash.
        let word = |flag: &str, value: &OsStr| {
            let mut word = OsString::from(flag);
            word.push("=");
            word.push(value);
            word
        };
        let mut words = Vec::new();
        words.extend(network.map(|tier| word("--network", tier.name().as_ref())));
        for (flag, values) in [
            ("--allow", allow),
            ("--host-port", host_port),
            ("--publish", publish),
        ] {
            words.extend(values.iter().map(|value| word(flag, value.as_ref())));
        }
        words.extend(profile.iter().map(|name| word("--profile", name.as_ref())));
        words.extend(env.iter().map(|name| word("--env", name)));
        words.extend(mount.iter().map(|path| word("--mount", path)));
        words.extend(
            mount_home
                .iter()
                .map(|sub| word("--mount-home", sub.as_os_str())),
        );
        words.extend(
            path_add
                .iter()
                .map(|dir| word("--path-add", dir.as_os_str())),
        );
        words.extend(hide.iter().map(|glob| word("--hide", glob)));
        words.extend(with_ssh.then(|| "--with-ssh".into()));
        words.extend(
            ssh_key
                .iter()
                .map(|path| word("--ssh-key", path.as_os_str())),
        );
        words.extend(limit.iter().map(|limit| word("--limit", limit.as_ref())));
        words.extend(allow_root.then(|| "--allow-root".into()));
        words
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::{Args, Wish};

    #[test]
    fn the_words_of_flags_are_those_flags() {
        let typed = [
            "claudebox",
            "verify",
            "--network",
            "none",
            "--allow",
            "a.lan:1",
            "--host-port",
            "2",
            "--publish",
            "3/udp",
            "--profile",
            "p",
            "--profile=-q",
            "--env",
            "A",
            "--env",
            "B",
            "--mount",
            "/a b:rw",
            "--mount=-c",
            "--mount-home",
            "d",
            "--path-add",
            "/e",
            "--hide",
            ".env*",
            "--with-ssh",
            "--ssh-key",
            "/f",
            "--limit",
            "processes=64",
            "--limit=-x",
            "--allow-root",
        ];
        let shared = |words: Vec<OsString>| match Args::parse_from(words).wish() {
            Wish::Verify(args) => args.shared,
            other => panic!("{other:?}"),
        };
        let once = shared(typed.map(Into::into).into());
        let words = once.words();
        let again = ["claudebox", "verify"]
            .map(OsString::from)
            .into_iter()
            .chain(words);
        assert_eq!(shared(again.collect()), once);
        // Every flag of the command line is among them.
        let command = Args::command();
        let verify = command.find_subcommand("verify").expect("it is there");
        for flag in verify.get_arguments().filter_map(|flag| flag.get_long()) {
            let known = ["json", "help"].contains(&flag)
                || once.words().iter().any(|word| {
                    word.to_string_lossy().split('=').next() == Some(&format!("--{flag}"))
                });
            assert!(known, "--{flag} was not tried");
        }
    }
}
