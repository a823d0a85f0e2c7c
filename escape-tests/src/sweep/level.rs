//! Owns the order of access: what a path gives to whoever is inside, from nothing to everything. Defined once, for the bound
//! and for the walk.

use std::fmt;
use std::fs::FileType;
use std::os::unix::fs::FileTypeExt;

use serde::{Deserialize, Serialize};

/// How much a path gives. Each level holds those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// There is no such thing.
    Absent,
    /// Its name and its metadata are seen.
    Listed,
    /// It can be read; a folder can be listed.
    Readable,
    /// It can be executed; a folder can be entered.
    Entered,
    /// It can be written; a socket can be spoken to.
    Writable,
}

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link. It is never followed.
    Link,
    /// A socket.
    Socket,
    /// A FIFO.
    Fifo,
    /// A character or block device.
    Device,
}

impl Kind {
    /// Of a type that was not followed.
    #[must_use]
    pub fn of(kind: FileType) -> Self {
        if kind.is_dir() {
            Kind::Folder
        } else if kind.is_symlink() {
            Kind::Link
        } else if kind.is_socket() {
            Kind::Socket
        } else if kind.is_fifo() {
            Kind::Fifo
        } else if kind.is_file() {
            Kind::File
        } else {
            Kind::Device
        }
    }
}

impl Level {
    /// What the three permission bits that count give (inode(7)).
    #[must_use]
    pub fn of_bits(kind: Kind, bits: u32, read_only: bool) -> Self {
        // A read-only mount does not keep anyone from speaking to a socket.
        let written = bits & 2 != 0 && (!read_only || kind == Kind::Socket);
        match kind {
            Kind::Link => Level::Listed,
            _ if written => Level::Writable,
            Kind::File | Kind::Folder if bits & 1 != 0 => Level::Entered,
            _ if bits & 4 != 0 => Level::Readable,
            _ => Level::Listed,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Absent => "absent",
            Level::Listed => "listed only",
            Level::Readable => "readable",
            Level::Entered => "readable and executable",
            Level::Writable => "writable",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_is_more_than_the_one_before() {
        use Level::*;
        let order = [Absent, Listed, Readable, Entered, Writable];
        assert!(order.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn bits_give_levels() {
        let of = |kind, bits| {
            (
                Level::of_bits(kind, bits, false),
                Level::of_bits(kind, bits, true),
            )
        };
        assert_eq!(of(Kind::File, 0o6), (Level::Writable, Level::Readable));
        assert_eq!(of(Kind::Folder, 0o7), (Level::Writable, Level::Entered));
        assert_eq!(of(Kind::Socket, 0o6), (Level::Writable, Level::Writable));
        assert_eq!(of(Kind::Link, 0o7), (Level::Listed, Level::Listed));
        assert_eq!(of(Kind::File, 0), (Level::Listed, Level::Listed));
    }
}
