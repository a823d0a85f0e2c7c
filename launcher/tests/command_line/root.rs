//! uid 0 is refused; where it is allowed, the inside is an ordinary user all the same (RUN-07).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::common::{Boxer, claudebox_bin, end, is_root, refused, stdout};

const LOOK: &str = "id -u; id -g; grep -E '^(Cap|NoNewPrivs)' /proc/self/status; touch made-inside";

/// The launcher as uid 0 of a user namespace, and, where the tests run as root, as root itself.
fn as_uid_0(boxer: &Boxer, arguments: &[&str]) -> Vec<Command> {
    let in_namespace = || {
        let mut command = Command::new("unshare");
        command
            .args(["--user", "--map-root-user"])
            .arg(claudebox_bin());
        command
    };
    let mut commands = vec![in_namespace()];
    if is_root() {
        commands.push(Command::new(claudebox_bin()));
    }
    for command in &mut commands {
        command
            .args(arguments)
            .env_clear()
            .env("HOME", boxer.home())
            .env("PATH", "/usr/bin:/bin")
            .current_dir(boxer.project())
            .stdin(std::process::Stdio::null());
    }
    commands
}

#[test]
fn uid_0_is_refused() {
    let boxer = Boxer::new();
    for line in [["exec", "-y", "--", "true"], ["run", "-y", "--cmd", "true"]] {
        for command in as_uid_0(&boxer, &line) {
            let said = refused(end(command), "uid 0");
            assert!(said.contains("--allow-root"), "{said}");
        }
    }
}

#[test]
fn allowed_uid_0_is_an_ordinary_user_without_capabilities_inside() {
    let boxer = Boxer::new();
    // Without a capability, root is a stranger in the folder of another user.
    for folder in [boxer.project(), boxer.home()] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).expect("chmod");
    }
    for command in as_uid_0(
        &boxer,
        &["exec", "-y", "--allow-root", "--", "sh", "-c", LOOK],
    ) {
        let ran = end(command);
        if !is_root() {
            // In a user namespace of an ordinary user nothing belongs to root, so no bwrap there can be trusted.
            refused(ran, "/usr/bin/bwrap");
            continue;
        }
        let ran = ran.success();
        let said = stdout(&ran);
        let mut lines = said.lines();
        assert_eq!(
            (lines.next(), lines.next()),
            (Some("1000"), Some("1000")),
            "{ran}"
        );
        let sets: Vec<&str> = lines.collect();
        assert_eq!(sets.len(), 6, "five sets and no_new_privs: {ran}");
        for set in sets {
            let (name, value) = set.split_once(":\t").expect("a field of proc(5)");
            let expected = if name == "NoNewPrivs" {
                "1"
            } else {
                "0000000000000000"
            };
            assert_eq!(value, expected, "{name}: {ran}");
        }
        let made = boxer.project().join("made-inside");
        fs::remove_file(made).expect("what was made inside is in the project");
    }
}
