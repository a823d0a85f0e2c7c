//! On a file system that folds names, of a Mac to which the folder is synced or of ext4 with casefold, `.GIT/hooks` is
//! `.git/hooks`, and a comparison of bytes sees a folder of no interest. This kernel may fold nothing: a stand-in looks a name up
//! as such a file system does.   (threats: PER-17)
use std::fs;
use std::path::Path;

use crate::harness::detonator;
use crate::harness::inside;
use crate::harness::lab::Lab;
use crate::probe::*;

const FOLDED: [&str; 3] = [
    ".GIT/hooks/post-commit",
    ".Claude/hooks/check",
    ".g\u{200c}it/hooks/post-commit",
];

/// Runs what a file system that folds names finds under `wanted`: case and what is not seen do not count (HFS+, APFS).
fn run_folded(lab: &Lab, folder: &Path, wanted: &[&str]) -> std::io::Result<()> {
    let Some((first, rest)) = wanted.split_first() else {
        detonator::run_in(lab, &lab.bait.project, &[&folder.display().to_string()]);
        return Ok(());
    };
    for entry in fs::read_dir(folder)?.flatten() {
        let name = entry
            .file_name()
            .to_string_lossy()
            .to_lowercase()
            .replace('\u{200c}', "");
        if name == *first && (rest.is_empty() || entry.path().is_dir()) {
            run_folded(lab, &entry.path(), rest)?;
        }
    }
    Ok(())
}

pub const PROBE: Probe = Probe {
    asks: "does a folder that is a guarded one under another spelling run on the host, and nobody was told?",
    threats: &["PER-17"],
    tiers: &[Tier::None],
    also_as_root: true,
    then: &[
        Then::Host(|lab| {
            let project = &lab.bait.project;
            run_folded(lab, project, &[".git", "hooks", "post-commit"])?;
            run_folded(lab, project, &[".claude", "hooks", "check"])
        }),
        Then::Host(|lab| detonator::all_or_none(lab, &["0", "1", "2"])),
    ],
    reported: &[
        ".GIT/hooks/post-commit",
        ".Claude/hooks/check",
        ".g\\u{200c}it/hooks/post-commit",
    ],
    expect: Expect::Reached,
    attempt: |bait| {
        let mut seen = Seen::default();
        for (number, name) in FOLDED.iter().enumerate() {
            let program = detonator::program(bait, &number.to_string());
            seen.add(
                name,
                inside::write_program(&bait.project.join(name), &program),
            );
        }
        seen
    },
    harmed: super::programs_of_path::ran,
    ..Probe::USUAL
};
