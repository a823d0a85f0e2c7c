//! A measurement leaves the host as it was, whatever the sandbox let through.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use escape_tests::harness::inside::pids;
use tempfile::TempDir;

use super::{LIMIT, escape_tests, measure};

/// A folder of PATH that everybody may write.
#[test]
fn planted_files_are_taken_away() {
    let folder = TempDir::new().expect("making a folder");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).expect("opening it");
    let path = std::env::var("PATH").expect("there is a PATH");
    let mut program = escape_tests();
    program.env("PATH", format!("{path}:{}", folder.path().display()));
    program.args(["--json", "-", "--sandbox", "env", "path_entries"]);
    let ran = escape_tests::run(&mut program, LIMIT);
    assert_eq!(ran.status.code(), Some(1), "{ran}");
    let reached = format!(
        "{}\",\n          \"gave\": \"reached\"",
        folder.path().display()
    );
    assert!(ran.stdout.contains(&reached), "it was not planted: {ran}");
    assert_eq!(fs::read_dir(folder.path()).expect("listing it").count(), 0);
}

/// What outlives the sandbox does not outlive the measurement.
#[test]
fn processes_are_ended() {
    let measured = measure(
        "env",
        &["survivors", "survivors_stopped", "survivors_at_the_end"],
    );
    assert_eq!(measured.of("ESCAPED").len(), 3, "{}", measured.ran);
    // Another measurement may have such processes for a moment.
    escape_tests::until("the survivors to be gone", LIMIT, || {
        let pids = pids().expect("listing /proc").into_iter();
        let lines = pids.filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/cmdline")).ok());
        let left = lines.filter(|line| line.contains("escape-tests\0inside\0survivors"));
        (left.count() == 0).then_some(())
    });
}
