//! The exit status is the command's; claudebox's own failures are apart (RUN-03).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::common::{self, Boxer, refused, stderr};

#[test]
fn the_command_s_own_status_comes_back() {
    let boxer = Boxer::new();
    for status in [0, 1, 2, 7, 100, 125, 126, 127, 128, 200, 255] {
        let ran = boxer
            .shell(&format!("exit {status}"))
            .code(status)
            .stdout("");
        let said = stderr(&ran);
        assert!(
            !said.contains("claudebox: ") && !said.contains("hint:"),
            "a status of the command is no failure of ours:\n{said}"
        );
    }
}

#[test]
fn death_by_a_signal_is_128_and_its_number() {
    let boxer = Boxer::new();
    for (signal, status) in [
        ("HUP", 129),
        ("INT", 130),
        ("KILL", 137),
        ("USR1", 138),
        ("SEGV", 139),
        ("PIPE", 141),
        ("TERM", 143),
    ] {
        boxer
            .shell(&format!("kill -{signal} $$; sleep 30"))
            .code(status);
    }
}

#[test]
fn what_is_not_there_is_127_and_says_so() {
    let boxer = Boxer::new();
    for command in [
        "nosuch-program",
        "./nosuch",
        "/nosuch/program",
        "../nosuch",
        "",
    ] {
        let ran = boxer
            .run(["exec", "-y", "--", command])
            .code(127)
            .stdout("");
        assert!(stderr(&ran).contains("\nhint: "), "{ran}");
    }
    let ran = boxer.run(["run", "-y"]).code(127).stdout("");
    assert!(stderr(&ran).contains("claude was not found"), "{ran}");
    assert!(stderr(&ran).contains("\nhint: "), "{ran}");
}

#[test]
fn what_cannot_be_executed_is_126_and_says_so() {
    let boxer = Boxer::new();
    boxer.write("src/app/plain", "echo never\n");
    boxer.make("src/app/folder");
    boxer.script("src/app/no-interpreter", "#!/nosuch/interpreter\n");
    for command in ["./plain", "./folder", "/"] {
        let ran = boxer
            .run(["exec", "-y", "--", command])
            .code(126)
            .stdout("");
        assert!(stderr(&ran).contains("claudebox: "), "{ran}");
    }
    // A script whose interpreter is missing: the kernel says ENOENT, and so does every shell.
    boxer
        .run(["exec", "-y", "--", "./no-interpreter"])
        .code(127)
        .stdout("");
    let claude = boxer.write(".local/bin/claude", "#!/bin/sh\n");
    fs::set_permissions(&claude, fs::Permissions::from_mode(0o644)).expect("chmod");
    let ran = boxer.run(["run", "-y"]).code(126).stdout("");
    assert!(
        stderr(&ran).contains("not executable") && stderr(&ran).contains("\nhint: chmod +x "),
        "{ran}"
    );
    // The twin: the same file, executable.
    fs::set_permissions(&claude, fs::Permissions::from_mode(0o755)).expect("chmod");
    boxer.run(["run", "-y"]).success();
}

#[test]
fn where_user_namespaces_are_off_it_is_125_with_the_fix() {
    let boxer = Boxer::new();
    // Without a capability, root is a stranger in the home of another user, where the state of the project is made.
    fs::set_permissions(boxer.home(), PermissionsExt::from_mode(0o777)).expect("chmod");
    // In a user namespace of its own the limit can be set by anyone (namespaces(7), /proc/sys/user).
    let off = |limit: &str| {
        let script = format!("echo {limit} > /proc/sys/user/max_user_namespaces && exec \"$@\"");
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "sh", "-c", &script, "sh"]);
        command.arg(common::claudebox_bin());
        command.args([
            "exec",
            "-y",
            "--allow-root",
            "--",
            "sh",
            "-c",
            "echo st''arted",
        ]);
        command
            .env_clear()
            .env("HOME", boxer.home())
            .env("PATH", "/usr/bin:/bin");
        command.current_dir(boxer.project());
        common::end(command)
    };
    if !common::is_root() {
        // In a user namespace of an ordinary user nothing belongs to root, so no bwrap there can be trusted.
        refused(off("0"), "/usr/bin/bwrap");
        return;
    }
    off("100").success().stdout("started\n");
    let said = refused(off("0"), "cannot make the outer namespaces");
    assert!(
        said.contains("user.max_user_namespaces"),
        "the hint names the switch:\n{said}"
    );
}
