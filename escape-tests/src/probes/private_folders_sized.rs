//! A tmpfs takes half of the memory of the host unless it is told less, and each of several may (M-20). Nothing is filled:
//! the kernel says what the most is, and refuses at once what is more. Each has the mode that programs ask of such a folder.   (threats: RES-03, FS-08)
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::fcntl::posix_fallocate;
use nix::sys::statvfs::statvfs;

use crate::probe::*;

const MIB: u64 = 1024 * 1024;

/// Each with its size in MiB and its mode.
fn folders(bait: &Bait) -> [(PathBuf, u64, u32); 5] {
    [
        ("/tmp".into(), 4096, 0o1777),
        ("/var/tmp".into(), 4096, 0o1777),
        ("/dev/shm".into(), 1024, 0o1777),
        (format!("/run/user/{}", bait.inside_uid).into(), 64, 0o700),
        (bait.home.clone(), 4096, 0o700),
    ]
}

fn mode(folder: &Path) -> Act {
    match std::fs::metadata(folder) {
        Ok(folder) => Act::saw(format!("{:04o}", folder.mode() & 0o7777)),
        Err(error) => Act::of::<()>(Err(error)),
    }
}

fn size(folder: &Path) -> Act {
    statvfs(folder).map_or_else(Act::errno, |of| {
        Act::saw(format!("{} MiB", of.blocks() * of.fragment_size() / MIB))
    })
}

pub const PROBE: Probe = Probe {
    asks: "do the private folders hold more than they are allowed, or have another mode?",
    threats: &["RES-03", "FS-08"],
    behind: &[Guard::TmpPrivate, Guard::HomeHidden],
    also_as_root: true,
    expect: Expect::Exactly(|bait| {
        let mut seen = Seen::default();
        for (folder, most, mode) in folders(bait) {
            seen.add(
                format!("size of {}", folder.display()),
                Act::saw(format!("{most} MiB")),
            );
            seen.add(
                format!("mode of {}", folder.display()),
                Act::saw(format!("{mode:04o}")),
            );
            seen.add(
                format!("a byte more in {}", folder.display()),
                Act::errno(Errno::ENOSPC),
            );
        }
        seen
    }),
    attempt: |bait| {
        let mut seen = Seen::default();
        for (folder, most, _) in folders(bait) {
            seen.add(format!("size of {}", folder.display()), size(&folder));
            seen.add(format!("mode of {}", folder.display()), mode(&folder));
            let path = folder.join(&bait.mark);
            // Where it is not a tmpfs of that size, the disk of the host is not filled to show it.
            let sized = size(&folder) == Act::saw(format!("{most} MiB"));
            let filled = match File::create(&path) {
                Ok(file) if sized => {
                    let length = i64::try_from(most * MIB + 1).expect("it fits");
                    Act::of_nix(posix_fallocate(&file, 0, length))
                }
                Ok(_) => Act::Broken("another size".into()),
                Err(error) => Act::of::<()>(Err(error)),
            };
            let _ = std::fs::remove_file(&path);
            seen.add(format!("a byte more in {}", folder.display()), filled);
        }
        seen
    },
    ..Probe::USUAL
};
