//! The useful twin of `git_modules`: an update of a submodule works inside, and its configuration on the host stays as it was.
use std::fs;
use std::process::Command;

use crate::harness::detonator;
use crate::probe::*;

/// The configuration of the submodule, and a copy of it from before.
const CONFIG: &str = ".git/modules/lib/config";
const BEFORE: &str = "config.before";

fn git(bait: &Bait, words: &[&str]) -> Act {
    let ran = Command::new("git")
        .arg("-C")
        .arg(&bait.project)
        .args(words)
        .output();
    match ran {
        Ok(ran) if ran.status.success() => Act::Reached,
        Ok(ran) => Act::saw(String::from_utf8_lossy(&ran.stderr).trim()),
        Err(error) => Act::of::<()>(Err(error)),
    }
}

pub const PROBE: Probe = Probe {
    asks: "can a submodule be updated?",
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(|lab| {
        detonator::repository(lab)?;
        let lib = lab.bait.project.join("lib");
        detonator::repository_in(lab, &lib)?;
        detonator::shell(
            lab,
            "git -C lib commit --quiet --allow-empty --message=two && mkdir .git/modules && mv lib/.git .git/modules/lib && \
             echo 'gitdir: ../.git/modules/lib' >lib/.git && git config -f .git/modules/lib/config core.worktree ../../../lib && \
             git config -f .gitmodules submodule.lib.path lib && git config -f .gitmodules submodule.lib.url ./lib && \
             git add .gitmodules lib && git commit --quiet --message=lib && git submodule --quiet init && \
             git -C lib checkout --quiet HEAD~1 && cp .git/modules/lib/config config.before",
        );
        match fs::metadata(lab.bait.project.join(BEFORE)) {
            Ok(_) => Ok(()),
            Err(error) => Err(std::io::Error::other(format!("no submodule: {error}"))),
        }
    }),
    expect: Expect::Exactly(|_| {
        Seen::one("it is behind", Act::saw("behind"))
            .and("git submodule update", Act::Reached)
            .and("it is where the project wants it", Act::Reached)
    }),
    attempt: |bait| {
        let same = |words: &[&str]| git(bait, words);
        let behind = match same(&["diff", "--quiet", "--", "lib"]) {
            Act::Reached => Act::saw("not behind"),
            _ => Act::saw("behind"),
        };
        Seen::one("it is behind", behind)
            .and(
                "git submodule update",
                same(&["submodule", "--quiet", "update"]),
            )
            .and(
                "it is where the project wants it",
                same(&["diff", "--quiet", "--", "lib"]),
            )
    },
    harmed: |bait| {
        let read = |path: &str| fs::read(bait.project.join(path)).unwrap_or_default();
        (read(CONFIG) != read(BEFORE))
            .then(|| "the configuration of the submodule is another".into())
    },
    ..Probe::USUAL
};
