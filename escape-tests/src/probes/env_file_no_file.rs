//! What is called `.claudebox.env` need not be a file of variables, nor `.claudebox.json` a profile: a link to a key, which would be
//! set or shown in the error; a FIFO or a device, on which a launcher waits; a gigabyte; a folder; a second name of a file outside.
//!   (threats: CFG-03, CFG-16)
use std::fs::{self, File};
use std::os::unix::fs::symlink;

use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use crate::harness::launched::{NOTHING, launch};
use crate::probe::*;

/// The names under which they wait, and what the launcher says of each.
const KINDS: [(&str, &str); 8] = [
    ("link", "it is a symbolic link"),
    ("link-to-zero", "it is a symbolic link"),
    ("link-to-nothing", "it is a symbolic link"),
    ("fifo", "it is not a regular file"),
    ("folder", "it is not a regular file"),
    ("sparse", "it is larger than"),
    ("hard-link", "nobody approved it"),
    ("device", "it is not a regular file"),
];

fn plant(bait: &Bait, kind: &str) -> Act {
    let at = bait.project.join(kind);
    match kind {
        "link" => Act::of(symlink(&bait.secrets[0], at)),
        "link-to-zero" => Act::of(symlink("/dev/zero", at)),
        "link-to-nothing" => Act::of(symlink(bait.home.join(".new"), at)),
        "fifo" => Act::of_nix(nix::unistd::mkfifo(&at, Mode::S_IRWXU)),
        "folder" => Act::of(fs::create_dir(at)),
        "sparse" => Act::of(File::create(at).and_then(|file| file.set_len(1 << 30))),
        // Nobody inside can make the other two: they were there before.
        _ => Act::of(fs::symlink_metadata(at)),
    }
}

pub const PROBE: Probe = Probe {
    asks: "does the next start read, wait for or tell what hides behind the name of the project's own files?",
    threats: &["CFG-03", "CFG-16"],
    // Nothing of the plan: the launcher opens it without following and without waiting.
    behind: &[],
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(|lab| {
        fs::hard_link(
            lab.bait.home.join(".netrc"),
            lab.bait.project.join("hard-link"),
        )?;
        let device = lab.bait.project.join("device");
        let made = mknod(&device, SFlag::S_IFCHR, Mode::S_IRWXU, makedev(1, 5));
        // Only root can: for others a second name stands in.
        made.or_else(|_| nix::unistd::mkfifo(&device, Mode::S_IRWXU))?;
        lab.give(&device)
    }),
    expect: Expect::Reached,
    attempt: |bait| Seen::each(KINDS.map(|(kind, _)| kind), |kind| plant(bait, kind)),
    then: &[Then::Host(|lab| {
        let project = &lab.bait.project;
        let names = [".claudebox.env", ".claudebox.json"];
        let all = names
            .iter()
            .flat_map(|name| KINDS.map(|(kind, why)| (name, kind, why)));
        for (name, kind, why) in all {
            let (waits, there) = (project.join(kind), project.join(name));
            fs::rename(&waits, &there)?;
            for arguments in [&NOTHING[..], &["plan"], &["trust"], &["trust", "--diff"]] {
                let words = match kind {
                    "hard-link" if *name == ".claudebox.json" => ".claudebox.json:1:",
                    "hard-link" if arguments[0] == "trust" => "line 1",
                    _ => why,
                };
                launch(lab, project, arguments)
                    .refused(words)?
                    .without_canary(lab)?;
            }
            fs::rename(&there, &waits)?;
        }
        launch(lab, project, &NOTHING).started()?;
        Ok(())
    })],
    harmed: |bait| bait.there(&bait.home.join(".new")),
    ..Probe::USUAL
};
