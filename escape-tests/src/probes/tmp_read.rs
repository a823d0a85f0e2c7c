//! Programs of the host keep files and sockets in /tmp, /var/tmp and /dev/shm.   (threats: FS-08)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it read what the host keeps in its temporary folders?",
    threats: &["FS-08"],
    behind: &[Guard::TmpPrivate],
    harmless: true,
    also_as_root: true,
    expect: Expect::Absent,
    attempt: |bait| {
        Seen::each(bait.tmp_files.iter().map(|path| path.display()), |path| {
            inside::read(path.to_string().as_ref())
        })
    },
    ..Probe::USUAL
};
