//! Owns bare bwrap: the very same mounts and flags, taken from the plan that claudebox would run, and no PID 1 of ours.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;

use clap::Parser;
use claudebox::bwrap::{ARGUMENTS, Content, Invocation};
use claudebox::cli::{Args, Wish};
use claudebox::config::Config;
use claudebox::facts::{Facts, Query};
use claudebox::plan::Plan;
use command_fds::{CommandFdExt, FdMapping};
use nix::sys::memfd::{MFdFlags, memfd_create};

/// What claudebox is told before the command.
pub const LINE: [&str; 5] = ["exec", "--network", "none", "-y", "--"];

/// claudebox itself, with the same command.
#[must_use]
pub fn boxed(claudebox: &Path, command: &[&str]) -> Command {
    let mut boxed = Command::new(claudebox);
    boxed.args(LINE).args(command);
    boxed
}

/// bwrap as claudebox would start it, with the command in place of PID 1 and the same variables.
#[derive(Debug)]
pub struct Bare {
    command: Vec<String>,
    variables: Vec<(OsString, OsString)>,
    invocation: Invocation,
}

impl Bare {
    /// Of `claudebox exec --network none -y -- COMMAND` here.
    ///
    /// # Panics
    /// Where this host cannot run it.
    #[must_use]
    pub fn of(claudebox: &Path, command: &[&str]) -> Self {
        let line = [&["claudebox"], &LINE[..], command].concat();
        let Wish::Enter(entry) = Args::parse_from(line).wish() else {
            unreachable!("exec enters")
        };
        let mut facts = Facts::read(&Query::of(&entry)).expect("facts of this host");
        facts.host.launcher = claudebox.into();
        let config = Config::resolve(&entry, &facts).expect("it resolves");
        let plan = Plan::new(&config, &facts).expect("it is planned");
        Self {
            command: command.iter().map(|&word| word.to_owned()).collect(),
            variables: plan
                .variables
                .iter()
                .map(|one| (one.name.clone().into(), one.value.clone().into()))
                .collect(),
            invocation: Invocation::of(&plan),
        }
    }

    /// One start.
    ///
    /// # Panics
    /// Where it cannot be prepared.
    #[must_use]
    pub fn command(&self) -> Command {
        let memory = |bytes: &[u8]| -> OwnedFd {
            let mut file =
                File::from(memfd_create("bench", MFdFlags::MFD_CLOEXEC).expect("memfd_create"));
            file.write_all(bytes)
                .and_then(|()| file.rewind())
                .expect("writing to memory");
            file.into()
        };
        let mut mappings = vec![FdMapping {
            parent_fd: memory(&self.invocation.hidden_arguments),
            child_fd: ARGUMENTS,
        }];
        for (number, content) in &self.invocation.contents {
            let parent_fd = match content {
                Content::Bytes(bytes) => memory(bytes.as_encoded_bytes()),
                Content::Open(path) => File::open(path.path()).expect("opening").into(),
            };
            mappings.push(FdMapping {
                parent_fd,
                child_fd: *number,
            });
        }
        let mut command = Command::new(self.invocation.program.path());
        command
            .env_clear()
            .envs(self.variables.iter().cloned())
            .args(["--args", &ARGUMENTS.to_string(), "--"])
            .args(&self.command);
        command.fd_mappings(mappings).expect("no number twice");
        command
    }
}
