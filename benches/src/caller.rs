//! Owns who measures: the release build of claudebox, started by an ordinary user in a project of its own.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Who starts claudebox where the bench runs as root, which claudebox refuses.
const BOXER: u32 = 6001;

/// Runs `measure` with the release build, as that user, in an empty project. `cargo test --benches` measures nothing.
pub fn run(measure: impl FnOnce(&Path)) {
    if std::env::args().any(|argument| argument == "--test" || argument == "--list") {
        return;
    }
    let claudebox = release_build();
    match std::env::var_os("CLAUDEBOX_BENCH_INSIDE") {
        Some(_) => measure(&claudebox),
        None => as_an_ordinary_user(),
    }
}

/// The release build, brought up to date.
fn release_build() -> PathBuf {
    let this = std::env::current_exe().expect("a running program has a path");
    // target/TRIPLE/release/deps/NAME-HASH
    let release = this
        .ancestors()
        .nth(2)
        .expect("benches lie two folders deep");
    let claudebox = release.join("claudebox");
    if std::env::var_os("CLAUDEBOX_BENCH_INSIDE").is_none() {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--release", "--quiet", "-p", "claudebox"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .expect("cargo starts");
        assert!(built.success(), "cargo build --release -p claudebox failed");
    }
    assert!(claudebox.is_file(), "no {}", claudebox.display());
    claudebox
}

/// Starts this program once more: in a project of its own, with an environment from empty, and never as root.
fn as_an_ordinary_user() {
    let folder = tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(target_folder())
        .expect("the target folder can be written");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("chmod");
    let home = folder.path().join("home/boxer");
    let project = home.join("src/app");
    fs::create_dir_all(&project).expect("making the project");
    let mut command = Command::new(std::env::current_exe().expect("a running program has a path"));
    command
        .env_clear()
        .env("HOME", &home)
        .env("PATH", "/usr/bin:/bin")
        .env("CLAUDEBOX_BENCH_INSIDE", "1");
    if nix::unistd::geteuid().is_root() {
        for path in [&home, &home.join("src"), &project] {
            chown(path, Some(BOXER), Some(BOXER)).expect("giving a folder away as root");
        }
        command.uid(BOXER).gid(BOXER);
    }
    let status = command
        .current_dir(&project)
        .status()
        .expect("this program starts");
    assert!(status.success(), "the measuring half ended with {status}");
}

/// Where cargo builds: a place that the user can be let into, and no temporary folder, which is private inside.
#[must_use]
pub fn target_folder() -> PathBuf {
    let this = std::env::current_exe().expect("a running program has a path");
    let folder = this
        .ancestors()
        .nth(4)
        .expect("benches lie four folders deep");
    folder.to_owned()
}
