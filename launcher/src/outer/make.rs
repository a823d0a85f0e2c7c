//! Owns the stage between launcher and bwrap: makes the outer namespaces, puts the fence up, becomes bwrap.
//!
//! It speaks once, over the launcher's socket, before PID 1 does: [`Event::Fenced`] with both namespaces as descriptors
//! (unix(7), `SCM_RIGHTS`). The launcher could not open them by /proc: until it is bwrap, this process is not dumpable.

use std::fs::{self, File};
use std::io::{self, IoSlice, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::libc::pid_t;
use nix::sched::{CloneFlags, unshare};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::thread::CapabilitySet;
use serde::{Deserialize, Serialize};

use super::{ORDER, end_with, failed, pass_on};
use crate::descriptors::{copied, memory_file};
use crate::fence::Fence;
use crate::init::{CONTROL, Event, say};
use crate::output;
use crate::text::Text;

/// How long nft(8) may take, each time. The launcher waits for both, and then for no more.
const NFT_LIMIT: Duration = Duration::from_millis(1500);

/// What this stage is told, at [`ORDER`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The launcher, with which it ends.
    pub launcher: pid_t,
    /// uid and gid in the outer user namespace, those of the inside.
    pub user: (u32, u32),
    /// nft(8) and what it loads; nothing where the plan has no fence.
    pub fence: Option<(Text, Fence)>,
    /// bwrap and its arguments.
    pub program: Text,
    /// What stands in its argument list.
    pub arguments: Vec<Text>,
}

/// The stage. Returns only where it failed, which the launcher has been told.
#[must_use]
pub fn run() -> u8 {
    let (control, order) = match inherited() {
        Ok(inherited) => inherited,
        Err(error) => {
            let _ = writeln!(io::stderr(), "claudebox: the outer stage: {error}");
            return 125;
        }
    };
    let Err(error) = stage(&control, &order);
    let _ = say(&control, &Event::Failed(error.to_string()));
    125
}

/// Both are close-on-exec; bwrap passes the socket itself on to PID 1.
fn inherited() -> io::Result<(UnixStream, Order)> {
    let [control, order] = copied([CONTROL, ORDER])
        .map_err(|error| failed("take its descriptors over, pidfd_getfd(2)", error))?;
    nix::unistd::close(ORDER)?;
    let order = serde_json::from_reader(io::BufReader::new(File::from(order)))?;
    Ok((UnixStream::from(control), order))
}

fn stage(control: &UnixStream, order: &Order) -> io::Result<std::convert::Infallible> {
    nix::sys::signal::SigSet::empty().thread_set_mask()?;
    make(order.user).map_err(|error| failed("make the outer namespaces, unshare(2)", error))?;
    end_with(order.launcher)?;
    settings(order.user.1);
    if let Some((nft, fence)) = &order.fence {
        put_up(nft, fence)?;
    }
    hand_over(control).map_err(|error| failed("hand its namespaces over", error))?;
    rustix::thread::clear_ambient_capability_set()?;
    let error = Command::new(&order.program)
        .args(&order.arguments)
        .env_clear()
        .exec();
    Err(failed(&format!("run {}", order.program), error))
}

/// One uid and one gid are mapped: no other can be had inside (user_namespaces(7)).
fn make((uid, gid): (u32, u32)) -> io::Result<()> {
    let (outside_uid, outside_gid) = (nix::unistd::getuid(), nix::unistd::getgid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{uid} {outside_uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("{gid} {outside_gid} 1"))
}

/// What makes the network of the namespace usable, and is no wall: a kernel without one of them is as good.
fn settings(gid: u32) {
    let set = |name: &str, value: &str| _ = fs::write(format!("/proc/sys/net/{name}"), value);
    // The one address is nobody else's: without the second of waiting for an objection (RFC 4862).
    set("ipv6/conf/default/accept_dad", "0");
    // What the helper gives is all there is.
    set("ipv6/conf/default/accept_ra", "0");
    // ping without privileges (icmp(7)).
    set("ipv4/ping_group_range", &format!("{gid} {gid}"));
}

/// Loads the fence, and reads back what the kernel holds.
fn put_up(nft: &Text, fence: &Fence) -> io::Result<()> {
    pass_on(&[CapabilitySet::NET_ADMIN])?;
    run_nft(
        nft,
        &["-j", "-f", "-"],
        fence.to_nft().to_string().as_bytes(),
    )?;
    let held = run_nft(nft, &["-j", "list", "ruleset"], b"")?;
    let listed = serde_json::from_slice(&held).map_err(|error| {
        let said = output::said(&[&held]);
        failed("list the fence", format!("{nft}: {error}; {said}"))
    })?;
    fence
        .verify(&listed)
        .map_err(|why| failed(&format!("find the fence that {nft} was to load"), why))
}

/// What nft says, where it succeeds.
fn run_nft(nft: &Text, arguments: &[&str], input: &[u8]) -> io::Result<Vec<u8>> {
    let mut command = Command::new(nft);
    command.args(arguments).env_clear();
    command.stdin(Stdio::from(memory_file(input)?));
    let output = output::run_within(&mut command, NFT_LIMIT)
        .map_err(|error| failed(&format!("run {nft}"), error))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = output::said(&[&output.stderr, &output.stdout]);
    let status = output.status;
    Err(failed(
        "load the fence",
        format!("{nft} ended ({status}); {said}"),
    ))
}

fn hand_over(control: &UnixStream) -> io::Result<()> {
    let (user, network) = (
        File::open("/proc/self/ns/user")?,
        File::open("/proc/self/ns/net")?,
    );
    let mut line = serde_json::to_vec(&Event::Fenced)?;
    line.push(b'\n');
    let descriptors = [user.as_fd(), network.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut rights = SendAncillaryBuffer::new(&mut space);
    if !rights.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("no room for two descriptors"));
    }
    let sent = sendmsg(
        control,
        &[IoSlice::new(&line)],
        &mut rights,
        SendFlags::empty(),
    )?;
    if sent == line.len() {
        Ok(())
    } else {
        Err(io::Error::other("the socket took a part of it"))
    }
}
