//! In place of the login the agent leaves, one after the other, what a careless copier carries to the host or chokes on: nothing, half
//! of one, one that is spent or too good to be true, a link to a key, a FIFO, a folder, a file of a gibibyte.
//!   (threats: CRED-03, CRED-05, CRED-06)
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread::sleep;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::harness::login;
use crate::probe::*;

/// Written in place, as the client does where it cannot rename.
const CONTENTS: [&str; 5] = [
    "",
    "{\"claudeAiOauth\":{\"accessToken\":\"ha",
    "{}",
    "{\"claudeAiOauth\":{\"accessToken\":\"\",\"refreshToken\":\"\",\"expiresAt\":0}}",
    "{\"claudeAiOauth\":{\"accessToken\":\"a\",\"refreshToken\":\"a\",\"expiresAt\":9999999999999}}",
];

fn planted(kind: &str, at: &Path, home: &Path) -> io::Result<()> {
    let _ = fs::remove_file(at);
    match kind {
        "link" => symlink(home.join(".ssh/id_ed25519"), at),
        "fifo" => Ok(mkfifo(at, Mode::S_IRWXU)?),
        "large" => File::create(at)?.set_len(1 << 30),
        // Last: no file can be put over it.
        _ => fs::create_dir(at),
    }
}

pub const PROBE: Probe = Probe {
    asks: "does the host lose its login, or take another thing for one?",
    threats: &["CRED-03", "CRED-05", "CRED-06"],
    behind: &[Guard::LoginStore],
    also_as_root: true,
    before: Some(|lab| login::give(lab, "of-the-host", 8)),
    expect: Expect::Reached,
    attempt: |bait| {
        let at = bait.home.join(login::LOGIN);
        let mut seen = Seen::one("there", Act::of(fs::read(&at)));
        for (number, content) in CONTENTS.iter().enumerate() {
            seen.add(
                format!("content {number}"),
                Act::of(fs::write(&at, content)),
            );
            sleep(login::CARRIED);
        }
        for kind in ["link", "fifo", "large", "folder"] {
            seen.add(kind, Act::of(planted(kind, &at, &bait.home)));
            sleep(login::CARRIED);
        }
        seen
    },
    then: &[Then::Session(Session {
        expect: Expect::Exactly(|_| Seen::one("the login", Act::saw("of-the-host"))),
        attempt: |bait| Seen::one("the login", login::seen(&bait.home)),
        ..Session::USUAL
    })],
    meanwhile: |bait| login::is_not(&bait.home, "of-the-host"),
    harmed: |bait| login::is_not(&bait.home, "of-the-host"),
    ..Probe::USUAL
};
