//! Owns the way into the host of the lab for programs: its network, and a mount namespace where `/etc/resolv.conf` names the
//! resolver of the lab. Nothing of the machine itself changes.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use serde::{Deserialize, Serialize};

use super::namespace::{Namespace, apart};

/// Which resolver the host of the lab has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resolver {
    /// On the loopback, as systemd-resolved has it.
    Stub,
    /// The router of the local network.
    Lan,
    /// That of Tailscale.
    Mesh,
}

impl Resolver {
    /// All of them.
    pub const ALL: [Resolver; 3] = [Resolver::Stub, Resolver::Lan, Resolver::Mesh];

    /// Its address.
    #[must_use]
    pub fn address(self) -> &'static str {
        match self {
            Resolver::Stub => "127.0.0.53",
            Resolver::Lan => "192.168.77.1",
            Resolver::Mesh => "100.100.100.100",
        }
    }
}

/// The domain that the host searches, which nobody inside should learn.
pub const SEARCHED: &str = "intranet.lab.example";

/// A name of the local network in `/etc/hosts`.
pub const IN_HOSTS: &str = "192.168.77.11 printer.intranet.lab.example printer\n";

/// A program of the machine that is another one for what is started with it.
#[derive(Debug, Clone)]
pub struct Swap {
    /// The program's place, links followed.
    pub at: PathBuf,
    /// What is mounted there.
    pub with: PathBuf,
}

impl Swap {
    fn mount(&self) -> io::Result<()> {
        let Self { at, with } = self;
        let (nothing, bind) = (None::<&str>, MsFlags::MS_BIND);
        mount(Some(with), at, nothing, bind, nothing).map_err(|errno| {
            let (at, with) = (at.display(), with.display());
            io::Error::other(format!("mounting {with} over {at}: {errno}"))
        })
    }
}

/// A mount namespace.
#[derive(Debug)]
pub(super) struct Entrance(File);

impl Entrance {
    pub(super) fn new(resolver: Resolver) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        apart(|| {
            unshare(CloneFlags::CLONE_NEWNS)?;
            let nothing = None::<&str>;
            let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
            mount(nothing, "/", nothing, private, nothing)?;
            // In memory, and of this mount namespace alone: nothing is left on a disk.
            let (folder, flags) = (folder.path(), MsFlags::empty());
            mount(Some("lab"), folder, Some("tmpfs"), flags, Some("mode=0755"))?;
            let hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
            for (at, text) in [
                (
                    "/etc/resolv.conf",
                    format!("nameserver {}\nsearch {SEARCHED}\n", resolver.address()),
                ),
                ("/etc/hosts", format!("{hosts}{IN_HOSTS}")),
            ] {
                let file = folder.join(at.replace('/', "-"));
                fs::write(&file, text)?;
                mount(Some(&file), at, nothing, MsFlags::MS_BIND, nothing).map_err(|errno| {
                    io::Error::other(format!("mounting a file of the lab over {at}: {errno}"))
                })?;
            }
            umount2(folder, MntFlags::MNT_DETACH)?;
            File::open("/proc/thread-self/ns/mnt").map(Self)
        })
    }

    /// Starts `command` there: it is born in the namespaces of the thread that starts it. A hook before exec would not do, as it
    /// runs when the uid has changed already.
    pub(super) fn spawn(
        &self,
        network: &Namespace,
        swaps: &[Swap],
        command: &mut Command,
    ) -> io::Result<Child> {
        apart(|| {
            // Who shares a root folder with others cannot enter a mount namespace (setns(2)).
            unshare(CloneFlags::CLONE_FS)?;
            network.enter()?;
            setns(&self.0, CloneFlags::CLONE_NEWNS)?;
            if !swaps.is_empty() {
                unshare(CloneFlags::CLONE_NEWNS)?;
            }
            swaps.iter().try_for_each(Swap::mount)?;
            command.spawn()
        })
    }
}
