//! Names and pointers in the project are texts of the agent's, and the next audit tells of them: with an escape sequence in one it
//! would draw over its own lines, or the terminal would be told what to type.   (threats: PER-18, CFG-14)
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::harness::detonator;
use crate::harness::inside;
use crate::harness::launched::{NOTHING, launch};
use crate::probe::*;

/// Folders to start in, and what `.git` of each points to.
const NAMES: [&[u8]; 9] = [
    b"--yes",
    b"-rf",
    b"new\nline",
    b"\x1b]0;pwned\x07\x1b[2J",
    b"\xe2\x80\xaegnp.exe",
    b"\xff\xfe",
    b"$(touch pwned)",
    b"zero\xe2\x80\x8bwidth",
    &[b'n'; 255],
];

/// What a terminal obeys, or does not show.
fn raw(text: &str) -> Option<char> {
    let seen = |c: &char| c.is_control() && *c != '\n' || "\u{202e}\u{200b}".contains(*c);
    text.chars().find(seen)
}

pub const PROBE: Probe = Probe {
    asks: "does a name in the project steer the terminal, the arguments or a shell the next time?",
    threats: &["PER-18", "CFG-14"],
    // Nothing of the plan: it is about what is said of it.
    behind: &[],
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(detonator::nothing_guarded),
    expect: Expect::Reached,
    attempt: |bait| {
        let mut seen = Seen::default();
        for (number, name) in NAMES.iter().enumerate() {
            let folder = bait.project.join(std::ffi::OsStr::from_bytes(name));
            let pointer = [b"gitdir: /nowhere/".as_slice(), name, b"\n"].concat();
            let made =
                fs::create_dir(&folder).and_then(|()| fs::write(folder.join(".git"), pointer));
            seen.add(format!("folder {number}"), Act::of(made));
        }
        seen.and(
            "the project's own",
            inside::write(&bait.project.join(".git/config"), "\n"),
        )
    },
    then: &[Then::Host(|lab| {
        for name in NAMES {
            let folder = lab.bait.project.join(std::ffi::OsStr::from_bytes(name));
            for arguments in [&NOTHING[..], &["plan"], &["trust"]] {
                let launched = launch(lab, &folder, arguments);
                if let Some(raw) = raw(&launched.said()) {
                    return Err(std::io::Error::other(format!(
                        "{raw:?} in: {:?}",
                        launched.said()
                    )));
                }
                if arguments != ["trust"] {
                    launched.started()?;
                }
            }
        }
        Ok(())
    })],
    harmed: |bait| bait.there(&bait.project.join("pwned")),
    ..Probe::USUAL
};
