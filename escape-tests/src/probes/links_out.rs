//! A link leads where its maker likes, and a program of the host that writes a log or copies its data follows it there. FIFOs hang
//! whoever reads them.   (threats: PER-15)
use std::fs;
use std::os::unix::fs::symlink;

use crate::harness::detonator;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does a program of the host write or read elsewhere through a link of the project, and nobody was told?",
    threats: &["PER-15"],
    also_as_root: true,
    then: &[Then::Host(|lab| {
        detonator::shell(
            lab,
            "echo build >>build.log; echo build >>deep/chained.log; cp data.csv published.csv",
        );
        Ok(())
    })],
    reported: &["build.log", "deep/chained.log", "data.csv", "pipe"],
    expect: Expect::Reached,
    attempt: |bait| {
        let project = &bait.project;
        let deep = fs::create_dir(project.join("deep"));
        let chained = deep.and_then(|()| symlink("../second", project.join("deep/chained.log")));
        let up = "../".repeat(project.components().count());
        let outside = |name: &str| format!("{up}{}", bait.home.join(name).display());
        let pipe = nix::unistd::mkfifo(&project.join("pipe"), nix::sys::stat::Mode::S_IRWXU);
        Seen::one(
            "absolute, to nothing yet",
            Act::of(symlink(
                bait.home.join(".profile"),
                project.join("build.log"),
            )),
        )
        .and("a chain", Act::of(chained))
        .and(
            "its end, relative",
            Act::of(symlink(outside(".bashrc"), project.join("second"))),
        )
        .and(
            "to a key",
            Act::of(symlink(
                bait.home.join(".ssh/id_ed25519"),
                project.join("data.csv"),
            )),
        )
        .and("a FIFO", Act::of_nix(pipe))
    },
    harmed: |bait| {
        let published = fs::read(bait.project.join("published.csv")).unwrap_or_default();
        let wrote = [".profile", ".bashrc"].map(|name| bait.there(&bait.home.join(name)).is_some());
        match (wrote, bait.canaries_in(&published)) {
            ([false, false], 0) => None,
            (wrote, keys) => Some(format!(
                "written through links: {wrote:?}; keys published: {keys}"
            )),
        }
    },
    ..Probe::USUAL
};
