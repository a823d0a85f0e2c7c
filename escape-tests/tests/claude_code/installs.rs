//! Claude Code is found and starts in each form in which people have it (RUN-10).

use std::process::{Command, Stdio};

use escape_tests::claude_code::{InstallForm, Package};
use escape_tests::{Caller, SOON, claudebox_bin, is_root, run, skipped};

/// The version line of the pinned package, which is all that stdout may hold.
fn version_line(package: &Package) -> String {
    format!("{} (Claude Code)\n", package.version())
}

#[test]
fn each_form_of_install_starts() {
    let Some(package) = Package::find() else {
        return;
    };
    for form in InstallForm::ALL {
        let caller = Caller::new();
        let installed = package.install(form, &caller);
        for arguments in [
            &["run", "-y", "--", "--version"][..],
            &["exec", "-y", "--", "claude", "--version"],
        ] {
            let mut command = caller.claudebox();
            installed.put_on_path(&mut command);
            let ran = run(command.args(arguments), SOON);
            assert!(ran.status.success(), "{form:?}:{ran}");
            assert_eq!(ran.stdout, version_line(&package), "{form:?}:{ran}");
        }
    }
}

#[test]
fn an_agent_named_by_path_starts() {
    let Some(package) = Package::find() else {
        return;
    };
    let caller = Caller::new();
    let installed = package.install(InstallForm::SystemWide, &caller);
    // Not on PATH: the flag is all that leads to it.
    let command = &mut caller.claudebox();
    let ran = run(
        command
            .args(["run", "-y", "--agent"])
            .arg(&installed.claude)
            .args(["--", "--version"]),
        SOON,
    )
    .success();
    assert_eq!(ran.stdout, version_line(&package), "{ran}");
}

#[test]
fn an_install_in_usr_local_starts() {
    let Some(package) = Package::find() else {
        return;
    };
    if !is_root() {
        return skipped(
            "laying something over /usr/local, in a mount namespace of the test's own, needs root",
        );
    }
    let caller = Caller::new();
    let installed = package.install(InstallForm::SystemWide, &caller);
    let prefix = installed
        .claude
        .ancestors()
        .nth(2)
        .expect("PREFIX/bin/claude");
    let script = r#"mount --bind "$1" /usr/local && shift && uid=$1 && shift &&
        exec setpriv --reuid "$uid" --regid "$uid" --clear-groups "$@""#;
    let mut command = Command::new("unshare");
    command
        .env_clear()
        .env("HOME", caller.home())
        .env("PATH", "/usr/bin:/bin")
        .current_dir(caller.project());
    command
        .args([
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            script,
            "sh",
        ])
        .arg(prefix);
    command
        .arg(caller.uid().to_string())
        .arg(claudebox_bin())
        .args(["run", "-y", "--", "--version"]);
    let ran = run(command.stdin(Stdio::null()), SOON).success();
    assert_eq!(ran.stdout, version_line(&package), "{ran}");
}

#[test]
fn without_claude_code_it_says_so() {
    let caller = Caller::new();
    let ran = run(
        caller
            .claudebox()
            .args(["run", "-y", "--", "--version"])
            .env("PATH", "/nowhere"),
        SOON,
    );
    if ran.status.success() {
        return skipped("this machine has a Claude Code of its own in one of the usual places");
    }
    assert!(matches!(ran.status.code(), Some(125 | 127)), "{ran}");
    assert!(
        ran.stderr.contains("claude") && ran.stderr.contains("hint:"),
        "{ran}"
    );
    assert!(ran.stdout.is_empty(), "{ran}");
}
