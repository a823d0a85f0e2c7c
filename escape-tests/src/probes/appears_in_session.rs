//! What is not there when a session starts cannot be mounted read-only, and may be there at its end: hooks, tasks of an editor, the
//! container that it starts. The first that hears of it must be the user.   (threats: PER-09, PER-11)
use crate::harness::detonator;
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does something run on the host that appeared during the session, and nobody was told?",
    threats: &["PER-09", "PER-11"],
    also_as_root: true,
    before: Some(|lab| {
        detonator::repository(lab)?;
        detonator::shell(lab, "rm -r .git/hooks");
        Ok(())
    }),
    then: &[
        Then::Host(detonator::day_of_git),
        Then::Host(detonator::open_editor),
        Then::Host(|lab| detonator::all_or_none(lab, &["hook", "task", "container"])),
    ],
    reported: &[
        ".git/hooks/post-commit",
        ".vscode/tasks.json",
        ".devcontainer/devcontainer.json",
        ".idea/workspace.xml",
        ".zed/tasks.json",
        ".nvim.lua",
        "app.code-workspace",
        ".claude/settings.json",
        ".mcp.json",
        ".envrc",
    ],
    expect: Expect::Reached,
    attempt: |bait| {
        let container =
            serde_json::json!({ "initializeCommand": detonator::command(bait, "container") });
        let hook = bait.project.join(".git/hooks/post-commit");
        let mut seen = Seen::one(
            "a hook",
            inside::write_program(&hook, &detonator::program(bait, "hook")),
        );
        let task = detonator::editor_task(&detonator::command(bait, "task"));
        for (file, text) in [
            (".vscode/tasks.json", task.as_str()),
            (".devcontainer/devcontainer.json", &container.to_string()),
            (".idea/workspace.xml", "<project/>\n"),
            (".zed/tasks.json", "[]\n"),
            (".nvim.lua", "\n"),
            ("app.code-workspace", "{}\n"),
            (".claude/settings.json", "{}\n"),
            (".mcp.json", "{}\n"),
            (".envrc", "\n"),
        ] {
            seen.add(file, inside::write(&bait.project.join(file), text));
        }
        seen
    },
    harmed: super::programs_of_path::ran,
    ..Probe::USUAL
};
