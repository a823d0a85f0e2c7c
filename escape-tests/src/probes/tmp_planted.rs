//! A file in the host's /tmp at a name that a program of the host will open is a way out.   (threats: FS-08, MNT-14)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it put a file into the host's temporary folders?",
    threats: &["FS-08", "MNT-14"],
    behind: &[Guard::TmpPrivate],
    // Each write lands in a folder of the sandbox's own.
    expect: Expect::Reached,
    attempt: |bait| {
        let paths = bait
            .tmp_files
            .iter()
            .map(|path| path.with_extension("planted"));
        Seen::each(paths.map(|path| path.display().to_string()), |path| {
            inside::create(path.as_ref())
        })
    },
    harmed: |bait| {
        let planted = bait
            .tmp_files
            .iter()
            .map(|path| path.with_extension("planted"));
        let there: Vec<_> = planted.filter(|path| path.exists()).collect();
        for path in &there {
            let _ = std::fs::remove_file(path);
        }
        (!there.is_empty()).then(|| format!("{there:?} were on the host"))
    },
    ..Probe::USUAL
};
