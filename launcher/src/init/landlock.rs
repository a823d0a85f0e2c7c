//! Owns Landlock (landlock(7)): a wall of PID 1's own around all that it starts. It scopes what has no path, abstract sockets and
//! signals, and fences files and devices by a list that the plan made from its mounts.
//!
//! The fence is a second wall. It has no word for "but not": what lies beneath a place that may be written may be written as far
//! as it is concerned, also a read-only mount there. Owner, mode and times are not its business (landlock(7), CURRENT LIMITATIONS).

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use serde::{Deserialize, Serialize};

use super::Order;
use crate::text::Text;

/// The first ABI with the right to rename between folders. Before it the kernel refuses that to whoever is fenced, whatever the
/// rules are (landlock(7), LANDLOCK_ACCESS_FS_REFER), and programs need it.
pub const ABI_OF_FILES: u8 = 2;
/// The first ABI that knows of ioctl(2) on devices (LANDLOCK_ACCESS_FS_IOCTL_DEV, Linux 6.10).
pub const ABI_OF_DEVICES: u8 = 5;
/// The first ABI with scopes (Linux 6.12).
pub const ABI_OF_SCOPES: u8 = 6;

/// A place that the fence lets through, with all that lies beneath it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Where.
    pub at: Text,
    /// What may be done there.
    pub may: May,
}

/// What may be done at a place. ioctl(2) on devices is apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum May {
    /// List folders.
    List,
    /// Read and execute files.
    Read,
    /// Read and write what is there, and make nothing.
    Use,
    /// Everything.
    Write,
}

impl May {
    /// Whether all of `other` is within this.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self.rights().contains(other.rights())
    }

    fn rights(self) -> BitFlags<AccessFs> {
        use AccessFs::{Execute, ReadDir, ReadFile, Truncate, WriteFile};
        match self {
            May::List => ReadDir.into(),
            May::Read => ReadDir | ReadFile | Execute,
            May::Use => ReadDir | ReadFile | WriteFile | Truncate,
            May::Write => AccessFs::from_all(ABI::V6) & !BitFlags::from(AccessFs::IoctlDev),
        }
    }
}

/// The fence around files: the ABI that it is made for, and what it lets through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fence {
    pub(super) abi: u8,
    pub(super) places: Vec<Place>,
}

/// What the kernel enforces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enforced {
    /// Abstract sockets outside are out of reach.
    pub abstract_sockets: bool,
    /// Processes outside are out of reach of signals.
    pub signals: bool,
    /// Files are fenced, by the rights of the ABI of the plan.
    pub files: bool,
    /// A device that is no terminal takes no ioctl(2): tried, not only asked for.
    pub devices: bool,
}

/// Puts on this process, and on all that it will start, what `order` asks for. It is asked for only where the kernel has it, so
/// less than that is an error; what the kernel says it enforced is returned.
///
/// # Errors
/// As the kernel gives them.
pub(super) fn confine(order: &Order) -> io::Result<Enforced> {
    let mut scopes = BitFlags::<Scope>::empty();
    if order.scope_abstract_sockets {
        scopes |= Scope::AbstractUnixSocket;
    }
    if order.scope_signals {
        scopes |= Scope::Signal;
    }
    let handled = handled(order);
    if scopes.is_empty() && handled.is_empty() {
        return Ok(Enforced::default());
    }
    let status = restrict(order, scopes, handled).map_err(io::Error::other)?;
    let enforced = status == RulesetStatus::FullyEnforced;
    Ok(Enforced {
        abstract_sockets: enforced && order.scope_abstract_sockets,
        signals: enforced && order.scope_signals,
        files: enforced && order.fence.is_some(),
        devices: enforced && refuses_devices(),
    })
}

/// The rights that are refused wherever no rule gives them.
fn handled(order: &Order) -> BitFlags<AccessFs> {
    let mut handled = BitFlags::empty();
    if let Some(fence) = &order.fence {
        handled |= AccessFs::from_all(ABI::from(i32::from(fence.abi.min(ABI_OF_SCOPES))));
        handled &= !BitFlags::from(AccessFs::IoctlDev);
    }
    if order.terminals.is_some() {
        handled |= AccessFs::IoctlDev | AccessFs::Refer;
    }
    handled
}

fn restrict(
    order: &Order,
    scopes: BitFlags<Scope>,
    handled: BitFlags<AccessFs>,
) -> Result<RulesetStatus, Box<dyn std::error::Error + Send + Sync>> {
    let mut ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    if !scopes.is_empty() {
        ruleset = ruleset.scope(scopes)?;
    }
    if !handled.is_empty() {
        ruleset = ruleset.handle_access(handled)?;
    }
    let mut ruleset = ruleset.create()?;
    let mut allow = |place: &dyn AsFd, stat: &FileStat, rights: BitFlags<AccessFs>| {
        let mut rights = rights & handled;
        if kind(stat) != SFlag::S_IFDIR {
            rights &= AccessFs::from_file(ABI::V6);
        }
        if rights.is_empty() {
            return Ok(());
        }
        let rule = PathBeneath::new(place.as_fd(), rights);
        (&mut ruleset).add_rule(rule).map(drop)
    };
    let files = order.fence.iter().flat_map(|fence| &fence.places);
    let files = files.map(|place| (&place.at, place.may.rights()));
    let terminals = order.terminals.iter().flatten();
    let terminals = terminals.map(|at| (at, AccessFs::IoctlDev.into()));
    // Whoever is fenced at all renames between folders only where a rule says so.
    let root = Text::from("/");
    let unfenced = order
        .fence
        .is_none()
        .then(|| (&root, AccessFs::Refer.into()));
    for (at, rights) in files.chain(terminals).chain(unfenced) {
        if let Some(opened) = find(at)? {
            allow(&opened, &fstat(&opened)?, rights)?;
        }
    }
    // Streams that have a name are opened again by it (/dev/stdin): a terminal lies in a /dev/pts of the host, which has no place
    // inside. An anonymous pipe needs no rule, and gets none (EBADFD).
    if !handled.is_empty() {
        for stream in [&io::stdin() as &dyn AsFd, &io::stdout(), &io::stderr()] {
            let stat = fstat(stream)?;
            let rights = match kind(&stat) {
                SFlag::S_IFCHR if nix::unistd::isatty(stream).unwrap_or(false) => {
                    May::Use.rights() | AccessFs::IoctlDev
                }
                SFlag::S_IFCHR => May::Use.rights(),
                SFlag::S_IFIFO if !is_anonymous(stream) => May::Use.rights(),
                _ => continue,
            };
            allow(stream, &stat, rights)?;
        }
    }
    Ok(ruleset.restrict_self()?.ruleset)
}

/// The place, if it is there: what is not needs no rule.
fn find(place: &Text) -> nix::Result<Option<OwnedFd>> {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    match open(place.path(), flags, Mode::empty()) {
        Ok(opened) => Ok(Some(opened)),
        Err(Errno::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits())
}

/// Whether it is a pipe without a name (pipe(7)).
fn is_anonymous(pipe: &dyn AsFd) -> bool {
    const PIPEFS_MAGIC: libc::c_long = 0x5049_5045;
    nix::sys::statfs::fstatfs(pipe).is_ok_and(|of| of.filesystem_type().0 == PIPEFS_MAGIC)
}

/// Whether the kernel refuses an ioctl(2) before the device sees it: `/dev/null`, which knows none, would answer ENOTTY.
fn refuses_devices() -> bool {
    let null = open(
        "/dev/null",
        OFlag::O_RDONLY | OFlag::O_CLOEXEC,
        Mode::empty(),
    );
    null.is_ok_and(|null| nix::sys::termios::tcgetattr(null).err() == Some(Errno::EACCES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_written_covers_all() {
        for may in [May::List, May::Read, May::Use, May::Write] {
            assert!(may.covers(May::List) && May::Write.covers(may), "{may:?}");
        }
        assert!(!May::Use.covers(May::Read) && !May::Read.covers(May::Use));
    }
}
