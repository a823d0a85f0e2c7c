//! `plan` shows, and does nothing: no file is written, no program is run, also where everything in reach is a trap
//! (AUD-D, threats: CFG-17, CFG-18).

use crate::common::{Boxer, end, tree};

#[test]
fn plan_writes_nothing_and_runs_nothing() {
    let boxer = Boxer::new();
    let marker = boxer.folder().join("home/marker");
    let trap = format!("#!/bin/sh\ntouch {}\n", marker.display());
    // Whatever a careless launcher could run: the agent, and programs by PATH and by git's configuration.
    for program in [
        "claude", "git", "bwrap", "node", "id", "getent", "sh", "uname", "nix",
    ] {
        boxer.script(format!("src/app/bin/{program}"), &trap);
        boxer.script(format!(".local/bin/{program}"), &trap);
    }
    boxer.git(&boxer.project(), &["init", "-q"]);
    let hook = boxer.script("src/app/.git/hooks/trap", &trap);
    let hook = hook.to_str().expect("a plain path");
    for key in [
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
        "core.editor",
        "credential.helper",
        "diff.external",
        "alias.status",
    ] {
        boxer.git(&boxer.project(), &["config", key, &format!("!{hook}")]);
    }
    boxer.write(
        ".gitconfig",
        format!("[core]\n\tfsmonitor = {hook}\n[user]\n\tname = Ann\n"),
    );
    boxer.write("src/app/.claudebox.json", "{}");
    boxer.write("src/app/.envrc", format!("touch {}", marker.display()));
    let path = format!(
        "{0}/src/app/bin:{0}/.local/bin:/usr/bin:/bin",
        boxer.home().display()
    );
    let before = tree(&boxer.folder());
    for line in [
        "plan",
        "plan --json",
        "plan --explain",
        "run --dry-run",
        "--dry-run",
        "shell --dry-run",
        "exec --dry-run -- true",
        "plan --network none",
        "check",
        "check --json",
    ] {
        let mut command = boxer.claudebox(line.split(' '));
        command.env("PATH", &path);
        end(command).success();
        assert!(!marker.exists(), "`claudebox {line}` ran a trap");
        assert!(
            tree(&boxer.folder()) == before,
            "`claudebox {line}` changed something below {}",
            boxer.folder().display()
        );
    }
    // The twin: a start runs the agent; in its box the marker cannot be made, so one in the project is.
    boxer.script(".local/bin/claude", "#!/bin/sh\ntouch started\n");
    let mut command = boxer.claudebox(["run", "-y"]);
    command.env("PATH", &path);
    end(command).success();
    assert!(boxer.project().join("started").exists());
}

#[test]
fn the_json_is_versioned_and_its_every_step_has_a_guard_and_a_reason() {
    let boxer = Boxer::new();
    boxer.install_claude("true");
    let ran = boxer.run(["plan", "--json"]).success().stderr("");
    let plan: serde_json::Value =
        serde_json::from_slice(&ran.get_output().stdout).expect("JSON and nothing else");
    assert_eq!(plan["version"], 1);
    let steps = plan["steps"].as_array().expect("steps");
    assert!(steps.len() > 30);
    for step in steps {
        for field in ["do", "guard", "why"] {
            assert!(
                step[field].as_str().is_some_and(|text| !text.is_empty()),
                "{field} of {step}"
            );
        }
        assert!(!step["origin"].is_null(), "{step}");
    }
}

#[test]
fn explain_adds_who_decided_and_why() {
    let boxer = Boxer::new();
    boxer.install_claude("true");
    boxer.make("notes");
    let ran = boxer
        .run(["plan", "--explain", "--mount", "~/notes"])
        .success();
    let said = crate::common::stdout(&ran);
    for expected in [
        "(--mount)",
        "(claudebox)",
        "(default)",
        "Steps",
        "PidNamespace",
    ] {
        assert!(said.contains(expected), "no {expected}:\n{said}");
    }
}
