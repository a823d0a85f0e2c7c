//! The closed world of sockets with a path: everything that can be seen is walked, and what is a socket, a FIFO or a device
//! outside of /dev is one too many.   (threats: SOCK-01, SOCK-07, SOCK-10, SOCK-14, FS-16)
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use crate::harness::inside;
use crate::probe::*;

/// Of the distribution, and read-only: no daemon listens there. Or of the kernel.
const NOT_WALKED: [&str; 12] = [
    "/proc",
    "/sys",
    "/dev",
    "/usr",
    "/nix/store",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc",
];

pub const PROBE: Probe = Probe {
    asks: "is there a socket, a pipe or a device anywhere but in /dev?",
    threats: &["SOCK-01", "SOCK-07", "SOCK-10", "SOCK-14", "FS-16"],
    behind: &[Guard::HomeHidden, Guard::HostHidden, Guard::TmpPrivate],
    also_as_root: true,
    expect: Expect::Exactly(|_| Seen::one("the project was walked", Act::saw(true))),
    attempt: |bait| {
        let stop = |path: &Path| NOT_WALKED.iter().any(|top| path == Path::new(top));
        let found = match inside::walk(Path::new("/"), &stop) {
            Ok(found) => found,
            Err(error) => return Seen::one("/", Act::of::<()>(Err(error))),
        };
        let walked = found.contains(&bait.project.join(".git/config"));
        let mut seen = Seen::one("the project was walked", Act::saw(walked));
        for path in found {
            let special = fs::symlink_metadata(&path).is_ok_and(|metadata| {
                let kind = metadata.file_type();
                !kind.is_file() && !kind.is_dir() && !kind.is_symlink()
                    || kind.is_socket()
                    || kind.is_fifo()
            });
            if special {
                seen.add(path.display(), Act::Reached);
            }
        }
        seen
    },
    ..Probe::USUAL
};
