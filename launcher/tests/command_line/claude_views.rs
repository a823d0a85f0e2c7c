//! What of the user's own `~/.claude` and `~/.claude.json` is seen, and what is not (AUTH-04, AUTH-05).

use std::fs;
use std::os::unix::fs::symlink;

use crate::common::{Boxer, CANARY, stderr, stdout};

/// One of everything that Claude Code keeps.
fn fill(boxer: &Boxer) {
    for (file, content) in [
        (
            "settings.json",
            r#"{"model":"opus","env":{"EDITOR":"vi","GITHUB_TOKEN":"CANARY"},"mcpServers":{"x":{"env":{"A":"CANARY"}}}}"#,
        ),
        ("CLAUDE.md", "remember this\n"),
        ("keybindings.json", "{\"k\":1}\n"),
        ("rules/r.md", "rule\n"),
        ("commands/c.md", "command\n"),
        ("agents/a.md", "agent\n"),
        ("skills/s/SKILL.md", "skill\n"),
        ("output-styles/o.md", "style\n"),
        ("plugins/p.json", "{}\n"),
        (".credentials.json", "CANARY"),
        ("history.jsonl", "CANARY"),
        ("projects/-p/0.jsonl", "CANARY"),
        ("todos/0.json", "CANARY"),
        ("ide/1.lock", "CANARY"),
        ("shell-snapshots/s.sh", "CANARY"),
        ("statsig/x", "CANARY"),
        ("settings.local.json", "CANARY"),
        ("hooks/h.sh", "CANARY"),
    ] {
        boxer.write(format!(".claude/{file}"), content.replace("CANARY", CANARY));
    }
    let state = r#"{"theme":"light","hasCompletedOnboarding":true,"oauthAccount":{"emailAddress":"ann@example.com"},
        "mcpServers":{"db":{"env":{"TOKEN":"CANARY"}}},
        "projects":{"PROJECT":{"hasTrustDialogAccepted":true,"history":[{"display":"CANARY"}]},"/other":{"hasTrustDialogAccepted":true}}}"#;
    let state = state
        .replace("CANARY", CANARY)
        .replace("PROJECT", &boxer.project().display().to_string());
    boxer.write(".claude.json", state);
}

#[test]
fn the_users_settings_are_seen_and_nothing_that_could_hold_a_secret() {
    let boxer = Boxer::new();
    fill(&boxer);
    let before = crate::common::tree(&boxer.home().join(".claude"));
    let seen = boxer.inside(&[], "cd ~/.claude; cat CLAUDE.md keybindings.json rules/r.md commands/c.md agents/a.md skills/s/SKILL.md output-styles/o.md plugins/p.json settings.json ~/.claude.json");
    for there in [
        "remember this",
        "\"k\"",
        "rule",
        "command",
        "agent",
        "skill",
        "style",
        "opus",
        "\"EDITOR\": \"vi\"",
        "light",
        "ann@example.com",
    ] {
        assert!(seen.contains(there), "{there}: {seen}");
    }
    for gone in [CANARY, "mcpServers", "/other", "GITHUB_TOKEN"] {
        assert!(!seen.contains(gone), "{gone}: {seen}");
    }
    assert!(
        seen.contains(&format!("\"{}\"", boxer.project().display())),
        "trust of this project: {seen}"
    );
    // Everything that is there, byte for byte.
    let swept = boxer.inside(
        &[],
        &format!(
            "grep -rl {CANARY} ~ /run /etc 2>/dev/null || true; find ~/.claude -type f | sort"
        ),
    );
    assert!(
        !swept.contains("credentials") && !swept.contains("history") && swept.contains("CLAUDE.md"),
        "{swept}"
    );
    assert!(
        swept
            .lines()
            .all(|line| line.starts_with(&boxer.home().join(".claude").display().to_string())),
        "{swept}"
    );
    // None of it can be changed.
    let script = "cd ~/.claude; for f in settings.json CLAUDE.md commands/c.md commands/new agents/new plugins/new skills/s/x; do \
                  if (echo attack > $f) 2>/dev/null; then echo written $f; fi; done; for f in *; do if mv $f moved 2>/dev/null; then echo moved $f; fi; done; \
                  rm -rf commands settings.json 2>/dev/null || true; ls commands/c.md settings.json; true";
    let done = boxer.inside(&[], script);
    assert_eq!(done, "commands/c.md\nsettings.json\n");
    assert!(crate::common::tree(&boxer.home().join(".claude")) == before);
    let said = stderr(&boxer.run(["exec", "-y", "--", "true"]).success());
    assert!(
        said.contains("env.GITHUB_TOKEN looks like a secret and is left out"),
        "{said}"
    );
    assert!(
        said.contains("your slash commands") && !said.contains(CANARY),
        "{said}"
    );
}

#[test]
fn without_any_of_it_a_session_can_still_leave_nothing_there() {
    let boxer = Boxer::new();
    let script = "cd ~/.claude; for f in settings.json CLAUDE.md commands/x plugins/x; do if (echo attack > $f) 2>/dev/null; then echo written $f; fi; done; \
                  cat settings.json CLAUDE.md; ls commands; echo own > hooks; cat hooks";
    let seen = boxer.inside(&[], script);
    assert_eq!(
        seen,
        "{\n  \"skipDangerousModePermissionPrompt\": true\n}\nown\n"
    );
    // What the user makes later is there the next time.
    boxer.write(".claude/commands/c.md", "command\n");
    boxer.write(".claude/CLAUDE.md", "memory\n");
    assert_eq!(
        boxer.inside(&[], "cat ~/.claude/commands/c.md ~/.claude/CLAUDE.md"),
        "command\nmemory\n"
    );
}

#[test]
fn links_of_dotfile_managers_are_followed_and_those_that_an_agent_may_have_made_are_not() {
    let boxer = Boxer::new();
    boxer.write("dotfiles/claude/CLAUDE.md", "memory\n");
    boxer.write("dotfiles/claude/commands/c.md", "command\n");
    boxer.write("dotfiles/skill/SKILL.md", "skill\n");
    boxer.write(".netrc", CANARY);
    boxer.write("secret", CANARY);
    boxer.link("../dotfiles/claude/CLAUDE.md", ".claude/CLAUDE.md");
    boxer.link(
        boxer.home().join("dotfiles/claude/commands"),
        ".claude/commands",
    );
    boxer.link("../../dotfiles/skill", ".claude/skills/mine");
    // The user's own slip, and what an agent that worked in the dotfiles can have left.
    boxer.link("../.netrc", ".claude/keybindings.json");
    boxer.link(boxer.home().join("secret"), "dotfiles/claude/agents");
    boxer.link("../dotfiles/claude/agents", ".claude/agents");
    boxer.link(
        boxer.home().join("secret"),
        "dotfiles/claude/commands/planted.md",
    );
    boxer.link("../../dotfiles/claude/agents", ".claude/skills/planted");
    let script = "cd ~/.claude; cat CLAUDE.md commands/c.md skills/mine/SKILL.md; ls agents; cat keybindings.json commands/planted.md skills/planted 2>/dev/null || true; grep -rs canary ~ || true";
    let ran = boxer.shell(&format!("set -e; {script}; true")).success();
    assert!(!stdout(&ran).contains(CANARY), "{ran}");
    assert!(
        stdout(&ran).starts_with("memory\ncommand\nskill\n"),
        "{ran}"
    );
    let said = stderr(&ran);
    assert!(
        said.contains("keybindings.json is left out: it leads to")
            && said.contains("passwords of hosts"),
        "{said}"
    );
    assert!(
        said.contains("agents is left out: it is reached through the link"),
        "{said}"
    );
    assert!(
        said.contains("skills/planted leads nowhere inside"),
        "{said}"
    );
}

#[test]
fn what_a_careless_reader_chokes_on_is_left_out_with_a_line() {
    let boxer = Boxer::new();
    let claude = boxer.make(".claude");
    boxer.write(".claude/settings.json", "{ not json");
    nix::unistd::mkfifo(&claude.join("CLAUDE.md"), nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    symlink("/dev/zero", claude.join("keybindings.json")).expect("a link");
    nix::unistd::mkfifo(&claude.join("commands"), nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    boxer.write(".claude/agents", "a file\n");
    symlink("loop", claude.join("loop")).expect("a link");
    symlink("loop", claude.join("plugins")).expect("a link");
    boxer.write(".claude.json", "[".repeat(1 << 20));
    boxer.own(&claude);
    let ran = boxer
        .shell("set -e; cat ~/.claude/settings.json ~/.claude/CLAUDE.md; ls ~/.claude/commands")
        .success();
    assert_eq!(
        stdout(&ran),
        "{\n  \"skipDangerousModePermissionPrompt\": true\n}\n"
    );
    let said = stderr(&ran);
    for line in [
        "settings.json is left out: it is no object of JSON (line 1, column 3)",
        "CLAUDE.md is left out: it is not a regular file",
        "keybindings.json is left out: ",
        "commands is left out: it is no folder",
        "agents is left out: it is no folder",
        "plugins is left out: ",
        ".claude.json is left out: it is not what Claude Code writes",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    // A file that is too large.
    let boxer = Boxer::new();
    fs::File::create(boxer.make(".claude").join("CLAUDE.md"))
        .expect("a file")
        .set_len(1 << 31)
        .expect("a hole in it");
    boxer.own(&boxer.home());
    let said = stderr(&boxer.run(["exec", "-y", "--", "true"]).success());
    assert!(
        said.contains("CLAUDE.md is left out: it is larger than"),
        "{said}"
    );
}

#[test]
fn answers_of_the_host_come_later_too_and_those_of_the_inside_stay() {
    let boxer = Boxer::new();
    boxer.inside(&[], r#"echo '{"theme":"dark","mine":1}' > ~/.claude.json"#);
    boxer.write(
        ".claude.json",
        r#"{"theme":"light","hasCompletedOnboarding":true}"#,
    );
    let seen = boxer.inside(&[], "cat ~/.claude.json");
    assert!(
        seen.contains("dark") && seen.contains("mine") && seen.contains("hasCompletedOnboarding"),
        "{seen}"
    );
    // A server that a session added is told of before the next one.
    boxer.inside(
        &[],
        r#"echo '{"mcpServers":{"added-inside":{"command":"x"}}}' > ~/.claude.json"#,
    );
    let said = stderr(&boxer.run(["exec", "-y", "--", "true"]).success());
    assert!(said.contains("added the MCP server added-inside"), "{said}");
    // Nothing of it went to the host.
    let host = fs::read_to_string(boxer.home().join(".claude.json")).expect("it is there");
    assert_eq!(host, r#"{"theme":"light","hasCompletedOnboarding":true}"#);
}

#[test]
fn a_profile_may_show_the_real_folder_and_nothing_below_it() {
    let boxer = Boxer::new();
    fill(&boxer);
    let profile =
        |path: &str| format!(r#"{{"mounts":[{{"path":"{path}","uncover_secret":true}}]}}"#);
    boxer.write(".claudebox/profiles/real.json", profile("~/.claude"));
    boxer.write(".claudebox/profiles/below.json", profile("~/.claude/hooks"));
    let ran = boxer
        .run([
            "exec",
            "-y",
            "--profile",
            "real",
            "--",
            "sh",
            "-ec",
            "cat ~/.claude/hooks/h.sh",
        ])
        .success();
    assert_eq!(stdout(&ran), CANARY);
    assert!(
        stderr(&ran).contains("nothing of this project is kept apart"),
        "{ran}"
    );
    assert!(!boxer.home().join(".claudebox/projects").exists());
    let ran = boxer.run(["exec", "-y", "--profile", "below", "--", "true"]);
    crate::common::refused(ran, ".claude/hooks");
}
