//! Whoever can write to a folder of PATH puts a `git` or an `ls` before the real one, for whatever runs later in the session.
//!   (threats: ENV-11, FS-07)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it put a program into a folder of PATH?",
    threats: &["ENV-11", "FS-07"],
    behind: &[Guard::RootReadOnly],
    also_as_root: true,
    expect: Expect::Refused(Errno::EROFS),
    attempt: |_| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Seen::each(
            std::env::split_paths(&path).map(|entry| entry.display().to_string()),
            |entry| match entry.starts_with('/') {
                true => {
                    inside::create(&std::path::Path::new(entry).join(super::root_planted::PLANTED))
                }
                // Found from whatever folder is the current one.
                false => Act::Reached,
            },
        )
    },
    ..Probe::USUAL
};
