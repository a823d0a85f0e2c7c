//! The useful twin of what is made for the launch: the folders that lead to a mount and the files of /etc have the modes that they
//! have everywhere. Programs that drop to another uid, or look at modes before they trust a file, refuse others.
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::probe::*;

/// Written out, not taken from the launcher: a list that judges itself holds whatever it says.
const FILES: [&str; 8] = [
    "/etc/passwd",
    "/etc/group",
    "/etc/hosts",
    "/etc/hostname",
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
    "/etc/claudebox/SANDBOX.md",
    "/etc/claude-code/CLAUDE.md",
];

/// Folders that are made on the way to what is mounted or linked.
fn folders(bait: &Bait) -> BTreeSet<PathBuf> {
    let runtime = PathBuf::from(format!("/run/user/{}", bait.inside_uid));
    let ends = [
        "/run/claudebox/init".into(),
        "/run/claudebox/bin/claude".into(),
        "/etc/claudebox/SANDBOX.md".into(),
        "/etc/claude-code/CLAUDE.md".into(),
        "/etc/ssl/certs".into(),
        "/var/tmp".into(),
        bait.home.clone(),
        bait.granted.clone(),
        bait.inside.clone(),
        runtime,
    ];
    let above = ends.iter().flat_map(|end| end.ancestors().skip(1));
    above.map(Path::to_owned).collect()
}

/// Below the home folder.
fn below_home(bait: &Bait) -> [(PathBuf, &'static str); 4] {
    [
        (bait.home.join(".config"), "755"),
        (bait.home.join(".config/git"), "755"),
        (bait.home.join(".config/git/config"), "644"),
        (bait.home.join("src"), "755"),
    ]
}

fn mode(path: &Path) -> Act {
    match fs::metadata(path) {
        Ok(metadata) => Act::saw(format!("{:o}", metadata.mode() & 0o7777)),
        Err(error) => Act::of::<()>(Err(error)),
    }
}

pub const PROBE: Probe = Probe {
    asks: "are the folders and files that were made as open as they are everywhere?",
    also_as_root: true,
    expect: Expect::Exactly(|bait| {
        let mut seen = Seen::default();
        for folder in folders(bait) {
            seen.add(folder.display(), Act::saw("755"));
        }
        for file in FILES {
            seen.add(file, Act::saw("644"));
        }
        for (path, mode) in below_home(bait) {
            seen.add(path.display(), Act::saw(mode));
        }
        seen
    }),
    attempt: |bait| {
        let mut seen = Seen::default();
        for folder in folders(bait) {
            seen.add(folder.display(), mode(&folder));
        }
        for file in FILES {
            seen.add(file, mode(file.as_ref()));
        }
        for (path, _) in below_home(bait) {
            seen.add(path.display(), mode(&path));
        }
        seen
    },
    ..Probe::USUAL
};
