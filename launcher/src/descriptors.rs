//! Owns descriptors that cross an exec: taking over inherited ones without unsafe code, closing the rest, files in memory.

#![expect(
    clippy::disallowed_methods,
    reason = "a process looks at its own descriptors"
)]

use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

/// Copies of inherited descriptors, close-on-exec; `pidfd_getfd(2)` on oneself is the way that needs no unsafe code.
///
/// # Errors
/// Where one is not open, or the kernel is older than Linux 5.6.
pub(crate) fn copied<const N: usize>(numbers: [RawFd; N]) -> io::Result<[OwnedFd; N]> {
    let own = pidfd_open(getpid(), PidfdFlags::empty())?;
    let mut owned = Vec::with_capacity(N);
    for number in numbers {
        owned.push(pidfd_getfd(&own, number, PidfdGetfdFlags::empty())?);
    }
    owned
        .try_into()
        .map_err(|_| io::Error::other("as many come out as go in"))
}

/// The same, and the originals are closed.
///
/// # Errors
/// As [`copied`].
pub(crate) fn taken<const N: usize>(numbers: [RawFd; N]) -> io::Result<[OwnedFd; N]> {
    let owned = copied(numbers)?;
    for number in numbers {
        nix::unistd::close(number)?;
    }
    Ok(owned)
}

/// The numbers of all open descriptors, that of the listing itself included.
pub(crate) fn open() -> io::Result<Vec<RawFd>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let name = entry?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.parse::<RawFd>().ok()));
    }
    Ok(numbers)
}

/// Closes every descriptor but 0, 1, 2 and `kept`.
///
/// # Errors
/// Where `/proc/self/fd` cannot be listed.
pub(crate) fn close_all_but(kept: &[BorrowedFd<'_>]) -> io::Result<()> {
    for descriptor in open()? {
        if descriptor > 2 && kept.iter().all(|kept| kept.as_raw_fd() != descriptor) {
            match nix::unistd::close(descriptor) {
                // EBADF: the descriptor with which the list was read.
                Ok(()) | Err(Errno::EBADF) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

/// A file in memory that holds `bytes`, at its start (memfd_create(2)).
pub(crate) fn memory_file(bytes: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create("claudebox", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}
