//! Beside the project lie others, with secrets of their own.   (threats: FS-11)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it read another project?",
    threats: &["FS-11"],
    behind: &[Guard::HomeHidden, Guard::HostHidden],
    harmless: true,
    expect: Expect::Absent,
    attempt: |bait| {
        Seen::each(
            bait.other_projects.iter().map(|path| path.display()),
            |path| inside::read(path.to_string().as_ref()),
        )
    },
    ..Probe::USUAL
};
