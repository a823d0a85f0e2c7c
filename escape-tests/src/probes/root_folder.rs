//! The closed world: the root of the sandbox holds what was put there and nothing else, so that nothing of the host is
//! visible because nobody thought of it.   (threats: FS-02, FS-10)
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::probe::*;

/// What every sandbox has, and what it has where the host does.
const ALWAYS: [&str; 6] = ["dev", "etc", "proc", "run", "tmp", "var"];
const AS_ON_THE_HOST: [&str; 8] = [
    "bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "nix",
];

pub const PROBE: Probe = Probe {
    asks: "is there anything at the top of the sandbox that was not put there?",
    threats: &["FS-02", "FS-10"],
    behind: &[Guard::HostHidden],
    harmless: true,
    also_as_root: true,
    expect: Expect::Exactly(|bait| {
        let mut names: BTreeSet<String> = ALWAYS.map(str::to_owned).into();
        // Without a /usr, its one program lies in a folder that is made.
        names.extend(["bin", "usr"].map(str::to_owned));
        names.extend(
            AS_ON_THE_HOST
                .iter()
                .filter(|name| match **name {
                    // The store is what enters.
                    "nix" => Path::new("/nix/store").exists(),
                    name => Path::new("/").join(name).exists(),
                })
                .map(|name| (*name).to_owned()),
        );
        // The home folder, the project and the grants lie at their real paths.
        let own = [&bait.home, &bait.project, &bait.granted, &bait.inside];
        for path in own.into_iter().chain(&bait.shown) {
            let top = path
                .components()
                .nth(1)
                .map(|top| top.as_os_str().to_string_lossy().into_owned());
            names.extend(top);
        }
        Seen::each(names, |_| Act::Reached)
    }),
    attempt: |_| match fs::read_dir("/") {
        Ok(entries) => Seen::each(
            entries
                .flatten()
                .map(|entry| entry.file_name().to_string_lossy().into_owned()),
            |_| Act::Reached,
        ),
        Err(error) => Seen::one("/", Act::of::<()>(Err(error))),
    },
    ..Probe::USUAL
};
