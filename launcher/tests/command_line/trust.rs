//! What a project says of itself counts only as a person approved it, byte for byte (TRUST-A, threats: CFG-01).

use crate::common::{Boxer, CANARY, refused, stderr, stdout, tree};

const SHOW: [&str; 6] = ["exec", "-y", "--", "sh", "-c", "echo \"${APPROVED-unset}\""];

#[test]
fn a_project_s_env_file_counts_only_as_approved() {
    let boxer = Boxer::new();
    let file = boxer.project().join(".claudebox.env");
    boxer.run(SHOW).success().stdout("unset\n");

    boxer.write(&file, format!("APPROVED={CANARY}\n"));
    for line in [
        &SHOW[..],
        &["run", "-y", "--cmd", "true"],
        &["plan"],
        &["exec", "--", "true"],
    ] {
        let said = refused(boxer.run(line), ".claudebox.env");
        assert!(
            said.contains("claudebox trust") && !said.contains(CANARY),
            "{said}"
        );
    }
    let ran = boxer.run(["trust"]).success();
    assert!(stdout(&ran).contains(".claudebox.env"), "{ran}");
    assert!(
        !stdout(&ran).contains(CANARY) && !stderr(&ran).contains(CANARY),
        "no value is printed: {ran}"
    );
    boxer.run(SHOW).success().stdout(format!("{CANARY}\n"));

    // One byte more, and it is another content.
    boxer.write(&file, format!("APPROVED={CANARY}\n\n"));
    let said = refused(boxer.run(SHOW), "changed");
    assert!(!said.contains(CANARY), "{said}");
    let told = stdout(&boxer.run(["trust", "--diff"]).success());
    assert!(
        told.contains("nothing but comments, order and spelling"),
        "{told}"
    );
    boxer.write(&file, format!("APPROVED={CANARY}2\nMORE={CANARY}\n"));
    let told = stdout(&boxer.run(["trust", "--diff"]).success());
    assert!(
        told.contains("~ APPROVED: another value") && told.contains("+ MORE=…"),
        "{told}"
    );
    assert!(!told.contains(CANARY), "{told}");
    boxer.write(&file, format!("APPROVED={CANARY}\n"));
    boxer.run(SHOW).success();
}

#[test]
fn approval_is_for_one_project_and_is_stored_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let boxer = Boxer::new();
    boxer.write("src/app/.claudebox.env", "APPROVED=yes\n");
    boxer.write("src/other/.claudebox.env", "APPROVED=yes\n");
    boxer.run(["trust"]).success();
    let mut command = boxer.claudebox(SHOW);
    command.current_dir(boxer.home().join("src/other"));
    refused(crate::common::end(command), "approved");
    for (path, mode) in [(".claudebox", 0o700), (".claudebox/trust.json", 0o600)] {
        let metadata = std::fs::metadata(boxer.home().join(path)).expect("it was made");
        assert_eq!(metadata.permissions().mode() & 0o777, mode, "{path}");
    }
    let names = tree(&boxer.home().join(".claudebox"));
    assert_eq!(names.len(), 2, "nothing else is left there: {names:#?}");
}

#[test]
fn the_agent_cannot_approve_itself() {
    let boxer = Boxer::new();
    let script = "echo APPROVED=planted > .claudebox.env; mkdir -p ~/.claudebox; echo '{}' > ~/.claudebox/trust.json; \
                  echo APPROVED=planted > ~/.claudebox/env";
    boxer.inside(&[], script);
    refused(boxer.run(SHOW), ".claudebox.env");
    for file in ["trust.json", "env"] {
        assert!(
            !boxer.home().join(".claudebox").join(file).exists(),
            "what is written in the private home stays there"
        );
    }
}

#[test]
fn what_would_steer_cannot_be_approved() {
    let boxer = Boxer::new();
    for name in [
        "LD_PRELOAD",
        "BASH_ENV",
        "NODE_OPTIONS",
        "GIT_SSH_COMMAND",
        "PATH",
        "HOME",
        "CLAUDEBOX_NETWORK",
        "SHELL",
        "TMPDIR",
    ] {
        boxer.write("src/app/.claudebox.env", format!("{name}={CANARY}\n"));
        // Nobody approves by accident what would be refused afterwards.
        let said = refused(boxer.run(["trust"]), name);
        assert!(!said.contains(CANARY), "{said}");
        refused(boxer.run(SHOW), ".claudebox.env");
    }
    boxer.write("src/app/.claudebox.env", "HARMLESS=1\n");
    boxer.run(["trust"]).success();
    boxer.run(SHOW).success();
}

#[test]
fn there_is_nothing_to_approve_where_there_is_no_file() {
    let boxer = Boxer::new();
    refused(boxer.run(["trust"]), ".claudebox.env");
    let target = boxer.write("elsewhere.env", "A=1\n");
    boxer.link(target, "src/app/.claudebox.env");
    refused(boxer.run(["trust"]), "symbolic link");
    assert!(!boxer.home().join(".claudebox").exists());
}

#[test]
fn a_project_s_profile_counts_only_as_approved() {
    let boxer = Boxer::new();
    boxer.write("notes/page", "of the host\n");
    let file = boxer.project().join(".claudebox.json");
    let profile = |mode: &str| {
        format!("{{\"set\": {{\"MODE\": \"{mode}\"}}, \"mounts\": [{{\"path\": \"~/notes\"}}]}}\n")
    };
    boxer.write(&file, profile(CANARY));
    let show = [
        "exec",
        "-y",
        "--",
        "sh",
        "-c",
        "echo $MODE; cat ~/notes/page; echo x >.claudebox.json; rm -f .claudebox.json",
    ];
    for line in [&show[..], &["plan"], &["exec", "--", "true"]] {
        let said = refused(boxer.run(line), "is new, and nobody approved it");
        assert!(
            said.contains("set, mounts") && said.contains("claudebox trust"),
            "{said}"
        );
    }
    // It is shown, and nothing is approved by that.
    let shown = boxer.run(["trust", "--diff"]).success();
    let told = stdout(&shown);
    assert!(
        told.contains("+ mounts: ~/notes, read-only") && told.contains("+ set.MODE=…"),
        "{told}"
    );
    assert!(!told.contains(CANARY), "{told}");
    assert!(!boxer.home().join(".claudebox").exists());
    boxer.run(["trust"]).success();
    let ran = boxer.run(show);
    assert_eq!(stdout(&ran), format!("{CANARY}\nof the host\n"));
    assert_eq!(
        std::fs::read_to_string(&file).expect("it is there"),
        profile(CANARY)
    );
    let list = stdout(&boxer.run(["trust", "--list"]).success());
    assert!(list.ends_with(&format!("  {}\n", file.display())), "{list}");

    boxer.write(&file, profile("another"));
    refused(boxer.run(show), "changed since it was approved");
    let told = stdout(&boxer.run(["trust", "--diff"]).success());
    assert!(
        told.contains("~ set.MODE: another value") && !told.contains("mounts"),
        "{told}"
    );
    assert!(
        !told.contains(CANARY) && !told.contains(": another\n"),
        "{told}"
    );
    boxer.write(&file, profile(CANARY));
    boxer.run(show);

    let told = stdout(&boxer.run(["trust", "--revoke"]).success());
    assert!(told.contains(&file.display().to_string()), "{told}");
    refused(boxer.run(show), "is new, and nobody approved it");
    assert_eq!(stdout(&boxer.run(["trust", "--list"]).success()), "");
    boxer.run(["trust", "--revoke"]).success();
}

#[test]
fn what_nobody_approved_may_tighten_and_nothing_else() {
    let boxer = Boxer::new();
    let file = boxer.project().join(".claudebox.json");
    boxer.write("src/app/.env", CANARY);
    let look = [
        "exec",
        "-y",
        "--",
        "sh",
        "-c",
        "echo $CLAUDEBOX; cat .env 2>/dev/null",
    ];
    boxer.write(&file, "{\"network\": \"none\", \"hide\": [\".env\"]}");
    let ran = boxer.run(look);
    assert_eq!(stdout(&ran), "none\n", "{ran}");
    assert!(stderr(&ran).contains("does no more than tighten"), "{ran}");
    // The twin: without it there is more.
    std::fs::remove_file(&file).expect("it is there");
    assert_eq!(stdout(&boxer.run(look)), format!("inet\n{CANARY}"));
    for (profile, key) in [
        ("{\"network\": \"full\"}", "network"),
        ("{\"limits\": {\"processes\": 100000}}", "limits"),
        ("{\"agent\": {\"command\": \"sh\"}}", "agent"),
        ("{\"hide\": [\".env\"], \"env\": [\"DATABASE_URL\"]}", "env"),
        ("{\"ssh\": {\"agent\": true}}", "ssh"),
    ] {
        boxer.write(&file, profile);
        let said = refused(boxer.run(look), "is new, and nobody approved it");
        assert!(said.contains(&format!("by {key}\n")), "{said}");
    }
    // Once it was approved, not even what tightens may be put away.
    boxer.write(&file, "{\"network\": \"none\"}");
    boxer.run(["trust"]).success();
    boxer.write(&file, "{}");
    refused(boxer.run(look), "changed since it was approved");
    std::fs::remove_file(&file).expect("it is there");
    let said = refused(boxer.run(look), "it is gone");
    assert!(said.contains("claudebox trust --revoke"), "{said}");
    boxer.run(["trust", "--revoke"]).success();
    assert_eq!(stdout(&boxer.run(look)), format!("inet\n{CANARY}"));
}

#[test]
fn a_profile_that_a_session_leaves_opens_nothing_in_the_next() {
    let boxer = Boxer::new();
    boxer.write(".config/tool/key", CANARY);
    boxer.inside(
        &["--network", "none"],
        "echo '{\"mounts\": [{\"path\": \"~/.config/tool\", \"uncover_secret\": true}]}' >.claudebox.json",
    );
    refused(boxer.run(SHOW), "is new, and nobody approved it");
    // Nobody approves it by accident either.
    refused(boxer.run(["trust"]), "your own profiles alone");
    refused(boxer.run(SHOW), "is new, and nobody approved it");
}

#[test]
fn approvals_at_once_are_all_kept() {
    let boxer = Boxer::new();
    let projects: Vec<_> = (0..8).map(|n| format!("src/app-{n}")).collect();
    for project in &projects {
        boxer.write(format!("{project}/.claudebox.env"), "APPROVED=yes\n");
    }
    std::thread::scope(|scope| {
        for project in &projects {
            let boxer = &boxer;
            scope.spawn(move || {
                let mut command = boxer.claudebox(["trust"]);
                command.current_dir(boxer.home().join(project));
                crate::common::end(command).success();
            });
        }
    });
    let list = stdout(&boxer.run(["trust", "--list"]).success());
    assert_eq!(list.lines().count(), projects.len(), "{list}");
}

#[test]
fn a_bad_profile_of_a_project_is_told_by_place_and_nearest_key() {
    let boxer = Boxer::new();
    boxer.write("src/app/.claudebox.json", "{\n  \"netwrok\": \"none\"\n}\n");
    for line in [&SHOW[..], &["trust"], &["trust", "--diff"]] {
        let said = refused(
            boxer.run(line),
            ".claudebox.json:2:11: unknown field `netwrok`",
        );
        assert!(said.contains("did you mean `network`?"), "{said}");
    }
    assert!(!boxer.home().join(".claudebox").exists());
}

#[test]
fn an_approval_of_a_project_that_is_gone_is_taken_back_by_its_path() {
    let boxer = Boxer::new();
    boxer.write("src/app/.claudebox.env", "APPROVED=yes\n");
    boxer.run(["trust"]).success();
    let mut command = boxer.claudebox(
        [format!("trust --revoke={}", boxer.project().display())]
            .iter()
            .flat_map(|line| line.split(' ')),
    );
    command.current_dir(boxer.home());
    crate::common::end(command).success();
    refused(boxer.run(SHOW), "is new, and nobody approved it");
}
