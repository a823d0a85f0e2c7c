//! `verify`: the companion is found, looked at, and told what the sandbox shall be. What it then does is tried in
//! `escape-tests/tests/verify`.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{Boxer, claudebox_bin, refused, stdout};

/// A companion that says what it was told, a word a line.
const TELLING: &str = "#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 7\n";

/// claudebox in a folder of its own, with `companion` at that place from there.
fn installed(boxer: &Boxer, companion: Option<&str>) -> PathBuf {
    let bin = boxer.folder().join("opt/bin");
    let place = |path: &Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("chmod");
    };
    fs::create_dir_all(&bin).expect("a folder for claudebox");
    let launcher = bin.join("claudebox");
    fs::remove_file(&launcher).ok();
    fs::hard_link(claudebox_bin(), &launcher).expect("installing claudebox");
    if let Some(at) = companion {
        let path = bin.join(at);
        let folder = path.parent().expect("a folder");
        fs::create_dir_all(folder).expect("a folder for the companion");
        // By another process: whoever this one forks meanwhile would hold the file open, and it could not be run then.
        let write = ["-c", "printf %s \"$1\" >\"$0\" && chmod 755 \"$0\""];
        let mut shell = Command::new("/bin/sh");
        let written = shell.args(write).arg(&path).arg(TELLING).status();
        assert!(written.expect("a shell").success(), "a companion");
        place(folder, 0o755);
    }
    for folder in [bin.as_path(), bin.parent().expect("a folder")] {
        place(folder, 0o755);
    }
    launcher
}

/// Runs an installed claudebox, and gives back what its companion was told.
pub(crate) fn told<A: AsRef<OsStr>>(
    boxer: &Boxer,
    arguments: impl IntoIterator<Item = A>,
) -> Vec<String> {
    let launcher = installed(boxer, Some("claudebox-verify"));
    let mut command = boxer.command(&launcher);
    command.args(arguments);
    let ran = crate::common::end(command).code(7).stderr("");
    let said = stdout(&ran);
    let mut words = said.lines().map(str::to_owned);
    assert_eq!(words.next().as_deref(), Some("--launcher"));
    assert_eq!(words.next().map(PathBuf::from), Some(launcher));
    words.collect()
}

#[test]
fn flags_are_handed_on() {
    let boxer = Boxer::new();
    assert_eq!(told(&boxer, ["verify"]), Vec::<String>::new());
    let flags = [
        "verify",
        "--json",
        "--network",
        "none",
        "--env",
        "NAME",
        "--mount",
        "/a b:rw",
        "--with-ssh",
        "--allow-root",
    ];
    assert_eq!(
        told(&boxer, flags),
        [
            "--json",
            "--network=none",
            "--env=NAME",
            "--mount=/a b:rw",
            "--with-ssh",
            "--allow-root"
        ]
    );
}

#[test]
fn it_is_found_in_libexec_too() {
    let boxer = Boxer::new();
    let launcher = installed(&boxer, Some("../libexec/claudebox/claudebox-verify"));
    let mut command = boxer.command(launcher);
    command.arg("verify");
    crate::common::end(command).code(7);
}

#[test]
fn without_a_companion_it_says_how_to_get_one() {
    let boxer = Boxer::new();
    let mut command = boxer.command(installed(&boxer, None));
    command.arg("verify");
    let said = refused(crate::common::end(command), "claudebox-verify");
    assert!(said.contains("cargo build -p escape-tests"), "{said}");
}

#[test]
fn one_that_others_can_write_is_not_run() {
    let boxer = Boxer::new();
    let launcher = installed(&boxer, Some("claudebox-verify"));
    let companion = launcher.with_file_name("claudebox-verify");
    let folder = launcher.parent().expect("a folder");
    for (path, mode) in [
        (companion.as_path(), 0o757),
        (folder, 0o1777),
        (folder, 0o775),
    ] {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("chmod");
        let mut command = boxer.command(&launcher);
        command.arg("verify");
        refused(
            crate::common::end(command),
            "others than its owner can write it",
        );
        fs::set_permissions(path, Permissions::from_mode(0o755)).expect("chmod");
    }
    assert_eq!(told(&boxer, ["verify"]), Vec::<String>::new());
}

#[test]
fn what_only_a_start_takes_is_no_flag_of_it() {
    let boxer = Boxer::new();
    for flag in ["--yes", "--dry-run", "--agent", "--cmd"] {
        refused(boxer.run(["verify", flag]), flag);
    }
}
