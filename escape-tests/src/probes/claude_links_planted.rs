//! Where the launcher seeds or writes back a file of Claude Code, a link in its place leads the write elsewhere. One session
//! plants links, live and dangling, in the home folder and in the project; the next one writes.   (threats: CRED-03)
use std::fs;
use std::os::unix::fs::symlink;

use crate::harness::inside;
use crate::probe::*;

const LINKS: [&str; 4] = [
    ".claude/.credentials.json",
    ".claude/settings.json",
    ".claude/shell-snapshots",
    ".claude.json",
];

pub const PROBE: Probe = Probe {
    asks: "does a write of the next session go through a planted link?",
    threats: &["CRED-03"],
    behind: &[Guard::HomeHidden],
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        let settings = LINKS[1];
        let seen = Seen::each(LINKS, |file| {
            if *file == settings {
                Act::errno(Errno::EEXIST)
            } else {
                Act::Reached
            }
        });
        seen.and("project/.claude", Act::Reached)
    }),
    attempt: |bait| {
        let victim = bait.beside.join("file");
        let link = |file: &str| {
            let at = bait.home.join(file);
            fs::create_dir_all(at.parent().unwrap_or(&bait.home))?;
            let _ = fs::remove_dir_all(&at);
            let _ = fs::remove_file(&at);
            symlink(&victim, at)
        };
        let project = symlink(bait.home.join(".claude"), bait.project.join(".claude"));
        Seen::each(LINKS, |file| Act::of(link(file))).and("project/.claude", Act::of(project))
    },
    then: &[Then::Session(Session {
        // Links of the state lead to nothing of the host; the settings are read-only.
        expect: Expect::Exactly(|_| {
            Seen::one(".claude/.credentials.json", Act::Absent)
                .and(".claude/settings.json", Act::errno(Errno::EROFS))
                .and(".claude.json", Act::Reached)
                .and("src/app/.claude/settings.local.json", Act::Reached)
        }),
        attempt: |bait| {
            let text = "{}";
            let files = [
                (".claude/.credentials.json", text),
                (".claude/settings.json", text),
                (".claude.json", text),
                ("src/app/.claude/settings.local.json", text),
            ];
            inside::write_in_home(bait, &files)
        },
        ..Session::USUAL
    })],
    harmed: |bait| {
        let victim = fs::read(bait.beside.join("file")).unwrap_or_default();
        let written = victim != b"as it was\n";
        let written = written.then(|| "a file beside the project was written".to_owned());
        written.or_else(|| bait.claude_state_changed())
    },
    ..Probe::USUAL
};
