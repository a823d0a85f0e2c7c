//! Each device is a door to a driver: /dev is compared with a list, whole.   (threats: KRN-12, KRN-13)
use std::path::Path;

use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use crate::harness::inside;
use crate::probe::*;

const DEVICES: [&str; 14] = [
    "core", "fd", "full", "null", "ptmx", "pts/ptmx", "random", "shm", "stderr", "stdin", "stdout",
    "tty", "urandom", "zero",
];

pub const PROBE: Probe = Probe {
    asks: "is there a device that was not listed, or can it make one?",
    threats: &["KRN-12", "KRN-13"],
    behind: &[Guard::HostHidden],
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::each(DEVICES, |_| Act::Reached).and("mknod(2)", Act::errno(Errno::EPERM))
    }),
    attempt: |bait| {
        let device = format!("/tmp/{}", bait.mark);
        let made = mknod(
            device.as_str(),
            SFlag::S_IFBLK,
            Mode::S_IRUSR,
            makedev(7, 0),
        );
        match inside::walk(Path::new("/dev"), &|path| path.is_symlink()) {
            Ok(found) => Seen::each(
                found
                    .iter()
                    .filter_map(|path| Some(path.strip_prefix("/dev").ok()?.display())),
                |_| Act::Reached,
            ),
            Err(error) => Seen::one("/dev", Act::of::<()>(Err(error))),
        }
        .and("mknod(2)", Act::of_nix(made))
    },
    ..Probe::USUAL
};
