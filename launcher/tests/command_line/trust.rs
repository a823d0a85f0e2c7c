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
