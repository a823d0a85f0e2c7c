//! A file planted in the skeleton of the sandbox, such as a program earlier on PATH or a configuration of all users, would
//! work on whatever runs later in the session.   (threats: FS-06, FS-07)
use crate::harness::inside;
use crate::probe::*;

pub(crate) const FOLDERS: [&str; 10] = [
    "/",
    "/etc",
    "/etc/claude-code",
    "/usr",
    "/usr/bin",
    "/run",
    "/run/claudebox",
    "/run/claudebox/bin",
    "/var",
    "/dev",
];

/// The file that is planted, also in the folders of PATH.
pub(crate) const PLANTED: &str = "claudebox-planted";

pub const PROBE: Probe = Probe {
    asks: "can it plant a file outside its own folders?",
    threats: &["FS-06", "FS-07"],
    behind: &[Guard::RootReadOnly],
    also_as_root: true,
    expect: Expect::Refused(Errno::EROFS),
    attempt: |_| {
        Seen::each(FOLDERS, |folder| {
            inside::create(&std::path::Path::new(folder).join(PLANTED))
        })
    },
    ..Probe::USUAL
};
