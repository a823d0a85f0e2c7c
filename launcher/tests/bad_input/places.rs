//! Folders: the project, the home folder, and what is granted (threats: MNT-07, MNT-08).

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Instant;

use assert_cmd::assert::Assert;

use crate::common::{self, Boxer, end, refused, stderr};
use crate::{AT_ONCE, EXEC, NO_FILES, fifo, refused_at_once};

#[test]
fn a_project_that_cannot_be_read_is_refused() {
    let boxer = Boxer::new();
    fs::set_permissions(boxer.project(), Permissions::from_mode(0o111)).expect("chmod");
    refused_at_once(boxer.claudebox(EXEC), "the current folder cannot be opened");
    fs::set_permissions(boxer.project(), Permissions::from_mode(0o755)).expect("chmod");
    boxer.run(EXEC).success();
}

#[test]
fn a_current_folder_that_vanished_is_refused() {
    let boxer = Boxer::new();
    let script = format!(
        "mkdir gone && cd gone && rmdir ../gone && exec {} exec -y -- true",
        common::claudebox_bin().display()
    );
    let mut command = boxer.command("sh");
    command.args(["-c", &script]);
    refused_at_once(command, "the current folder cannot be opened");
}

#[test]
fn a_home_that_is_none_is_refused() {
    let boxer = Boxer::new();
    let file = boxer.write("file", "");
    for home in [
        Path::new("relative"),
        Path::new(""),
        Path::new("/nosuch/home"),
        &file,
        Path::new("."),
        Path::new("a\nb\x1b[2J"),
    ] {
        let mut command = boxer.claudebox(EXEC);
        command.env("HOME", home);
        let said = refused_at_once(command, "HOME does not name a folder");
        assert!(
            !said.contains('\x1b') && said.lines().count() <= 3,
            "{said}"
        );
    }
    let mut command = boxer.claudebox(EXEC);
    command.env_remove("HOME");
    let ran = end(command);
    // With a line in passwd(5) its home folder counts; else there is none.
    if boxer.uid() == common::BOXER {
        refused(ran, "HOME does not name a folder");
    } else {
        assert!(!stderr(&ran).contains("panicked"), "{ran}");
    }
}

#[test]
fn a_home_on_a_place_of_the_system_s_is_refused_with_a_true_hint() {
    let boxer = Boxer::new();
    for home in ["/", "/tmp", "/dev/shm", "/proc", "/usr", "/etc", "/var/tmp"] {
        let mut command = boxer.claudebox(EXEC);
        command.env("HOME", home);
        let said = refused_at_once(command, "HOME");
        assert!(
            !said.contains("grant each path once"),
            "HOME={home}: nobody granted anything:\n{said}"
        );
    }
}

#[test]
fn what_is_no_file_and_no_folder_cannot_be_granted() {
    let boxer = Boxer::new();
    let pipe = fifo(&boxer, "things/pipe");
    (NO_FILES[4].1)(&boxer, "things/socket");
    let socket = boxer.home().join("things/socket");
    let grant = |flag: &str, path: &Path| {
        boxer.claudebox([
            OsStr::new("exec"),
            OsStr::new("-y"),
            OsStr::new(flag),
            path.as_os_str(),
            OsStr::new("--"),
            OsStr::new("true"),
        ])
    };
    for path in [
        pipe.as_path(),
        &socket,
        Path::new("/dev/null"),
        Path::new("/dev/zero"),
        Path::new("/proc/self/mem"),
    ] {
        for flag in ["--mount", "--path-add", "--ssh-key"] {
            refused_at_once(grant(flag, path), "cannot enter");
        }
    }
    for path in ["/nosuch", "~/nosuch", "things/nosuch", "~nobody/x"] {
        refused_at_once(grant("--mount", Path::new(path)), "");
    }
    // As an agent: looked at, not run.
    for path in [pipe.as_path(), &socket, Path::new("/dev/zero")] {
        let began = Instant::now();
        let ran: Assert = end(boxer.claudebox([
            OsStr::new("run"),
            OsStr::new("-y"),
            OsStr::new("--agent"),
            path.as_os_str(),
        ]))
        .failure();
        assert!(
            began.elapsed() < AT_ONCE && stderr(&ran).contains("hint: "),
            "{ran}"
        );
    }
}
