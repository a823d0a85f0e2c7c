//! A mount that is wrong: what should be read-only can be written, and a folder of the host is shown that nobody listed. Landlock
//! has a list of its own, and refuses both; a mount would say EROFS, or show it. It has no rule for owner, mode and times.
//!   (threats: FS-06, FS-02, KRN-17)
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use claudebox::config::Origin;
use claudebox::plan::{Action, Step};
use claudebox::text::Text;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::harness::inside;
use crate::probe::*;

/// Where the folder that nobody listed is shown: over one that stands in every sandbox.
const SHOWN_AT: &str = "/var";

fn go_wrong(plan: &mut Plan, bait: &Bait) {
    for step in &mut plan.steps {
        if let Action::Bind { at, writable, .. } = &mut step.action {
            *writable = *writable || at.path() == bait.granted;
        }
    }
    plan.steps.push(Step {
        action: Action::Bind {
            from: Text::from(bait.beside.as_path()),
            at: SHOWN_AT.into(),
            writable: true,
        },
        guard: Guard::HostHidden,
        why: "a mistake".into(),
        origin: Origin::Generated,
        uncovers: false,
    });
}

pub const PROBE: Probe = Probe {
    asks: "where a mount is wrong, can it write what it may read, or read what nobody listed?",
    threats: &["FS-06", "FS-02", "KRN-17"],
    behind: &[Guard::LandlockFiles],
    needs: &[Need::LandlockFence],
    also_as_root: true,
    edited: Some(go_wrong),
    expect: Expect::Refused(Errno::EACCES),
    attempt: |bait| {
        let file = bait.granted.join("file");
        let unlisted = Path::new(SHOWN_AT).join("file");
        let open = |path: &PathBuf, how: &mut OpenOptions| Act::of(how.open(path));
        Seen::one("append", open(&file, OpenOptions::new().append(true)))
            .and(
                "truncate",
                open(&file, OpenOptions::new().write(true).truncate(true)),
            )
            .and(
                "truncate by path",
                Act::of_nix(nix::unistd::truncate(&file, 0)),
            )
            .and("create", inside::create(&bait.granted.join("new")))
            .and(
                "folder",
                Act::of(fs::create_dir(bait.granted.join("folder"))),
            )
            .and("link", Act::of(symlink("/", bait.granted.join("link"))))
            .and(
                "pipe",
                Act::of_nix(mkfifo(&bait.granted.join("pipe"), Mode::S_IRWXU)),
            )
            .and(
                "by /proc",
                Act::of(File::open(&bait.granted).and_then(|folder| {
                    use std::os::fd::AsRawFd;
                    File::create(format!("/proc/self/fd/{}/by-proc", folder.as_raw_fd()))
                })),
            )
            .and(
                "rename",
                Act::of(fs::rename(&file, bait.granted.join("renamed"))),
            )
            .and("unlink", Act::of(fs::remove_file(&file)))
            .and("read what nobody listed", inside::read(&unlisted))
            .and(
                "write what nobody listed",
                Act::of(OpenOptions::new().append(true).open(&unlisted)),
            )
    },
    harmed: super::read_only_grant::changed,
    ..Probe::USUAL
};
