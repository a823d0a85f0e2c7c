//! The path of a grant, the project and the values of variables are data. Each part of this grant's path would be an option,
//! a command, an escape sequence or another field where a program read it as more.
//!   (threats: CFG-08, CFG-09, CFG-14)
use std::fs;

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does a path do anything but name a folder?",
    threats: &["CFG-08", "CFG-09", "CFG-14"],
    behind: &[Guard::RootReadOnly],
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::one("the file behind the path", Act::saw("as it was\n"))
            .and("it is a mount of its own", Act::saw("ro"))
            .and("left by a command in it", Act::saw(0))
            .and("SANDBOX.md names it", Act::saw(true))
            .and("SANDBOX.md repeats its escape sequence", Act::saw(false))
    }),
    attempt: |bait| {
        let read = fs::read_to_string(bait.granted.join("file"));
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        // proc(5): space, tab, newline and backslash stand as octal digits.
        let mut at = bait.granted.display().to_string().replace('\\', "\\134");
        for (plain, octal) in [(" ", "\\040"), ("\n", "\\012"), ("\t", "\\011")] {
            at = at.replace(plain, octal);
        }
        let mount = mounts.lines().find_map(|line| {
            let mut fields = line.split(' ').skip(4);
            (fields.next()? == at).then(|| fields.next()?.split(',').next().map(str::to_owned))?
        });
        let left = [&bait.project, &bait.home]
            .into_iter()
            .filter(|folder| folder.join("pwned").exists());
        let sandbox = fs::read_to_string("/etc/claudebox/SANDBOX.md").unwrap_or_default();
        let raw = ['\u{1b}', '\u{7}', '\u{202e}']
            .iter()
            .any(|raw| sandbox.contains(*raw));
        let named = sandbox.contains("shelf/--bind");
        Seen::one(
            "the file behind the path",
            read.map_or_else(|error| Act::of::<()>(Err(error)), Act::Saw),
        )
        .and(
            "it is a mount of its own",
            mount.map_or(Act::Broken("no such mount".into()), Act::Saw),
        )
        .and("left by a command in it", Act::saw(left.count()))
        .and("SANDBOX.md names it", Act::saw(named))
        .and("SANDBOX.md repeats its escape sequence", Act::saw(raw))
    },
    harmed: |bait| {
        [&bait.project, &bait.home, &bait.folder]
            .into_iter()
            .find_map(|folder| bait.there(&folder.join("pwned")))
    },
    ..Probe::USUAL
};
