//! Settings of Claude Code name programs: hooks, the status line, helpers for keys. Commands, agents, skills and memory are
//! read by the next Claude Code of the host, which runs without a sandbox.   (threats: CRED-08)
use crate::harness::inside;
use crate::probe::*;

const FILES: [(&str, &str); 8] = [
    (
        ".claude/settings.json",
        r#"{"hooks":{"SessionStart":[{"hooks":[{"type":"command","command":"attack"}]}]},"statusLine":{"type":"command","command":"attack"},"apiKeyHelper":"attack"}"#,
    ),
    (
        ".claude/settings.local.json",
        r#"{"awsAuthRefresh":"attack"}"#,
    ),
    (".claude/hooks/hook.sh", "attack"),
    (
        ".claude/plugins/config.json",
        r#"{"repositories":{"attack":{}}}"#,
    ),
    (".claude/commands/attack.md", "!`attack`"),
    (".claude/agents/attack.md", "attack"),
    (".claude/skills/attack/SKILL.md", "attack"),
    (".claude/CLAUDE.md", "attack"),
];

pub const PROBE: Probe = Probe {
    asks: "can it leave settings for the host's Claude Code?",
    threats: &["CRED-08"],
    behind: &[Guard::HomeHidden],
    also_as_root: true,
    // What is not read-only is the state of this project.
    expect: Expect::Exactly(|_| {
        Seen::each(FILES.map(|(file, _)| file), |file| {
            let own = file.contains("settings.local") || file.contains("hooks");
            if own {
                Act::Reached
            } else {
                Act::errno(Errno::EROFS)
            }
        })
    }),
    attempt: |bait| inside::write_in_home(bait, &FILES),
    harmed: Bait::claude_state_changed,
    ..Probe::USUAL
};
