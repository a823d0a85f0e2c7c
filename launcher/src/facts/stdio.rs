//! Owns what the standard streams are, as the caller gave them.

use std::io::IsTerminal;
use std::os::fd::AsFd;

use serde::{Deserialize, Serialize};

/// What a standard stream is. Decides whether it is handed over or relayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stdio {
    /// The controlling terminal of this session.
    Terminal,
    /// A terminal of another session, or the other side of one (pty(7)).
    ForeignTerminal,
    /// A pipe without a name.
    Pipe,
    /// A socket.
    Socket,
    /// `/dev/null`.
    Null,
    /// A regular file, a folder, a FIFO with a name or a device: reopening it through `/proc` would give more than the caller gave.
    Reopenable,
    /// Not open.
    Closed,
}

impl Stdio {
    /// Whether a person sits there.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Stdio::Terminal | Stdio::ForeignTerminal)
    }

    pub(super) fn of(stream: &(impl AsFd + IsTerminal)) -> Self {
        use nix::sys::stat::{SFlag, fstat, major, minor};
        let Ok(stat) = fstat(stream) else {
            return Stdio::Closed;
        };
        let kind = SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits());
        let device = (kind == SFlag::S_IFCHR).then(|| (major(stat.st_rdev), minor(stat.st_rdev)));
        if stream.is_terminal() {
            // Only of the controlling terminal the foreground can be asked for (tcgetpgrp(3)); a master answers for its slave.
            let ours = device != Some(PTMX) && nix::unistd::tcgetpgrp(stream).is_ok();
            if ours {
                Stdio::Terminal
            } else {
                Stdio::ForeignTerminal
            }
        } else if kind == SFlag::S_IFIFO && has_no_name(stream) {
            Stdio::Pipe
        } else if kind == SFlag::S_IFSOCK {
            Stdio::Socket
        } else if device == Some(NULL) {
            Stdio::Null
        } else {
            Stdio::Reopenable
        }
    }
}

/// Major and minor number of `/dev/null` and `/dev/ptmx` (null(4), pts(4)).
const NULL: (u64, u64) = (1, 3);
const PTMX: (u64, u64) = (5, 2);

/// Whether a FIFO lies in no folder: one that does can be opened by others too, who may read or write there (fifo(7)).
fn has_no_name(fifo: &impl AsFd) -> bool {
    use nix::sys::statfs::{FsType, fstatfs};
    const PIPEFS_MAGIC: FsType = FsType(0x5049_5045);
    fstatfs(fifo).is_ok_and(|system| system.filesystem_type() == PIPEFS_MAGIC)
}
