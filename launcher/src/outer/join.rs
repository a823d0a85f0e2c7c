//! Owns the stage that enters the outer namespaces again, and becomes the helper or nft(8).

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::libc::pid_t;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use rustix::thread::CapabilitySet;
use serde::{Deserialize, Serialize};

use super::{ORDER, end_with, failed, pass_on};
use crate::descriptors::taken;
use crate::text::Text;

/// Where the outer user namespace is found.
pub const USER: RawFd = 3;
/// Where the outer network namespace is found.
pub const NETWORK: RawFd = 4;

/// Where the helper finds the network namespace: in a mount namespace of its own, and so by a path that every version takes.
pub const NETWORK_PATH: &str = "/tmp/net";

/// What this stage is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The launcher, with which it ends.
    pub launcher: pid_t,
    /// What for.
    pub task: Task,
    /// The program it becomes.
    pub program: Text,
    /// The name that it is called by.
    pub name: Text,
    /// Its arguments.
    pub arguments: Vec<Text>,
}

/// What it becomes a program for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Carrying packets between the outer network namespace and the host's.
    Carry,
    /// Reading or changing the fence, in the outer network namespace.
    Fence,
}

/// The stage. Returns only where it failed; standard error is the launcher's pipe.
#[must_use]
pub fn run() -> u8 {
    let Err(error) = stage();
    let _ = writeln!(io::stderr(), "{error}");
    125
}

fn stage() -> io::Result<std::convert::Infallible> {
    let [user, network, order] = taken([USER, NETWORK, ORDER])?;
    let order: Order = serde_json::from_reader(io::BufReader::new(File::from(order)))?;
    nix::sys::signal::SigSet::empty().thread_set_mask()?;
    setns(&user, CloneFlags::CLONE_NEWUSER)
        .map_err(|error| failed("enter the outer user namespace, setns(2)", error))?;
    match order.task {
        Task::Carry => {
            see_namespace(&network)
                .map_err(|error| failed("show the helper its network namespace", error))?;
            // To enter the network namespace, to shut itself in, and to set up its device.
            pass_on(&[CapabilitySet::SYS_ADMIN, CapabilitySet::NET_ADMIN])?;
        }
        Task::Fence => {
            setns(&network, CloneFlags::CLONE_NEWNET)
                .map_err(|error| failed("enter the outer network namespace, setns(2)", error))?;
            pass_on(&[CapabilitySet::NET_ADMIN])?;
        }
    }
    drop((user, network));
    end_with(order.launcher)?;
    let error = Command::new(&order.program)
        .arg0(&order.name)
        .args(&order.arguments)
        .env_clear()
        .exec();
    Err(failed(&format!("run {}", order.program), error))
}

/// A mount namespace in which [`NETWORK_PATH`] is the network namespace.
fn see_namespace(network: &OwnedFd) -> nix::Result<()> {
    use std::os::fd::AsRawFd;
    unshare(CloneFlags::CLONE_NEWNS)?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SLAVE, none)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(
        Some("tmpfs"),
        "/tmp",
        Some("tmpfs"),
        flags,
        Some("mode=0700,size=64k"),
    )?;
    File::create(NETWORK_PATH).map_err(|error| {
        nix::errno::Errno::from_raw(error.raw_os_error().unwrap_or(nix::libc::EIO))
    })?;
    let from = format!("/proc/self/fd/{}", network.as_raw_fd());
    mount(
        Some(from.as_str()),
        NETWORK_PATH,
        none,
        MsFlags::MS_BIND,
        none,
    )
}
