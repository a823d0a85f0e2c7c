//! Walks over a small folder.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tempfile::TempDir;

use super::*;

fn place(at: &Path, below: Level) -> Place {
    Place {
        at: at.into(),
        kind: Kind::Folder,
        least: Level::Listed,
        most: Level::Writable,
        below,
        opens: false,
        holds: None,
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("making a folder")
}

fn write(path: &Path, mode: u32) {
    fs::write(path, "x").expect("writing a file");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("setting a mode");
}

/// A mount of all of `folder`, with or without set-id programs.
fn mount(folder: &Path, flags: &[&str]) -> Vec<Mount> {
    vec![Mount {
        at: folder.into(),
        ..Mount::new("", "/", "1:1", "test", flags)
    }]
}

#[test]
fn what_is_not_listed_is_told_once() {
    let top = folder();
    fs::create_dir_all(top.path().join("new/deeper")).expect("making folders");
    let walked = walk(&[place(top.path(), Level::Absent)], &[]);
    let line = format!("{}/new: it is there, and not listed", top.path().display());
    assert_eq!(
        (walked.excess, walked.entries, walked.folders),
        (vec![line], 1, 1)
    );
}

#[test]
fn the_nearest_place_counts() {
    let top = folder();
    let shared = top.path().join("way/shared");
    fs::create_dir_all(&shared).expect("making folders");
    write(&shared.join("file"), 0o644);
    let places = [
        place(&shared, Level::Writable),
        place(top.path(), Level::Absent),
        place(&top.path().join("way"), Level::Absent),
    ];
    let walked = walk(&places, &[]);
    assert_eq!(walked.excess, Vec::<String>::new());
    assert_eq!(walked.below[&places[0].at.to_string()], 1);
    assert_eq!(walked.found.len(), 3);
    // The same with nothing listed for the file.
    let walked = walk(&[place(&shared, Level::Absent)], &[]);
    assert_eq!(walked.excess.len(), 1);
}

#[test]
fn more_than_the_bound_is_told() {
    let top = folder();
    write(&top.path().join("file"), 0o755);
    let told = |below| walk(&[place(top.path(), below)], &[]).excess;
    // Root writes where it likes.
    assert!(
        told(Level::Readable)[0].ends_with("at most readable"),
        "{:?}",
        told(Level::Readable)
    );
    assert_eq!(told(Level::Writable), Vec::<String>::new());
}

#[test]
fn special_files_are_told_and_links_are_not_followed() {
    let top = folder();
    let _listener = UnixListener::bind(top.path().join("socket")).expect("binding a socket");
    mkfifo(&top.path().join("fifo"), Mode::S_IRUSR).expect("making a FIFO");
    symlink("/", top.path().join("link")).expect("making a link");
    let mut walked = walk(&[place(top.path(), Level::Writable)], &[]);
    walked.excess.sort();
    let line = |name, kind| {
        format!(
            "{}/{name}: it is a {kind}, and not listed",
            top.path().display()
        )
    };
    assert_eq!(
        walked.excess,
        [line("fifo", "Fifo"), line("socket", "Socket")]
    );
    assert_eq!(walked.entries, 3);
}

#[test]
fn a_set_id_program_counts_where_the_mount_lets_it() {
    let top = folder();
    write(&top.path().join("program"), 0o4755);
    let told = |flags: &[&str]| {
        walk(
            &[place(top.path(), Level::Writable)],
            &mount(top.path(), flags),
        )
        .excess
    };
    assert_eq!(told(&["nosuid"]), Vec::<String>::new());
    assert!(told(&["nodev"])[0].ends_with("a set-id program, on a mount without nosuid"));
}

#[test]
fn what_the_mode_keeps_from_others_must_not_open() {
    let top = folder();
    for (name, mode) in [("others", 0o444), ("owner", 0o400)] {
        write(&top.path().join(name), mode);
    }
    let opens = Place {
        opens: true,
        ..place(top.path(), Level::Entered)
    };
    let told = walk(&[opens], &[]).excess;
    let owner = told.iter().filter(|line| line.contains("/owner: "));
    assert_eq!(owner.count(), 1, "{told:?}");
}

#[test]
fn a_place_that_is_not_there_is_not_found() {
    let walked = walk(&[place(Path::new("/nowhere/at/all"), Level::Absent)], &[]);
    assert_eq!(walked, Walked::default());
}
