//! What a hostile or broken host hands over: nothing panics, nothing hangs, nothing tells a value, and what can run runs.
#![allow(
    clippy::disallowed_methods,
    reason = "tests are effects; the boundaries are the launcher's"
)]

#[path = "../common/mod.rs"]
mod common;

mod bytes;
mod files;
mod places;
mod profiles;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::common::{Boxer, CANARY, end, refused};

/// A refusal does not wait: what would make it wait is what it refuses.
const AT_ONCE: Duration = Duration::from_secs(5);

const EXEC: [&str; 4] = ["exec", "-y", "--", "true"];

/// [`refused`], soon, without a word of the canary.
fn refused_at_once(command: Command, what: &str) -> String {
    let began = Instant::now();
    let said = refused(end(command), what);
    assert!(began.elapsed() < AT_ONCE, "it took {:?}", began.elapsed());
    assert!(!said.contains(CANARY), "a value is shown:\n{said}");
    said
}

fn fifo(boxer: &Boxer, path: &str) -> PathBuf {
    let path = boxer.home().join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("making a folder");
    mkfifo(&path, Mode::from_bits_truncate(0o644)).expect("mkfifo");
    boxer.own(&boxer.home());
    path
}

/// Something that is no small regular file, put at a path.
type Plant = fn(&Boxer, &str);

const NO_FILES: [(&str, Plant); 5] = [
    ("a FIFO", |boxer, at| drop(fifo(boxer, at))),
    ("a folder", |boxer, at| drop(boxer.make(at))),
    ("a link to a device", |boxer, at| {
        drop(boxer.link("/dev/zero", at))
    }),
    ("a huge file", |boxer, at| {
        let path = boxer.write(at, CANARY);
        fs::OpenOptions::new()
            .write(true)
            .open(path)
            .expect("open")
            .set_len(1 << 30)
            .expect("a sparse file");
    }),
    ("a socket", |boxer, at| {
        let path = boxer.home().join(at);
        fs::create_dir_all(path.parent().expect("a parent")).expect("making a folder");
        // A long path does not fit into an address: bound by a short one, and moved.
        let short = tempfile::tempdir().expect("a folder");
        let socket = std::os::unix::net::UnixListener::bind(short.path().join("s")).expect("bind");
        drop(socket);
        let made = Command::new("mv")
            .arg(short.path().join("s"))
            .arg(&path)
            .status()
            .expect("mv");
        assert!(made.success());
        boxer.own(&boxer.home());
    }),
];
