//! Owns what an ordinary user can plant of the conventional places: those of the home folder, and for each row of the
//! catalogue something in a folder of the host that nobody shows. And what is there already.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::places::{self, FILES, Placed, SOCKETS};
use crate::Caller;

/// Where sockets shall be, and files that are.
pub(super) fn plant(caller: &Caller, mark: &str) -> (Vec<Placed>, Vec<Placed>) {
    let stand_in = |row: &str, folder: &str| Placed {
        row: row.to_owned(),
        path: caller.folder().join(folder).join(row),
        datagrams: false,
    };
    let sockets = places::rows(SOCKETS).into_iter();
    let sockets = sockets.map(|row| stand_in(row, "run"));
    let files = places::rows(FILES).into_iter();
    let files: Vec<Placed> = files.map(|row| stand_in(row, "host")).collect();
    for file in &files {
        caller.write(&file.path, mark);
    }
    let in_home = places::in_home(SOCKETS, &caller.home());
    (sockets.chain(in_home).collect(), files)
}

/// Something in the host's /run that is not in the sandbox's.
pub(crate) fn in_run() -> Option<PathBuf> {
    let entries = fs::read_dir("/run").ok()?;
    let made_inside = ["user", "claudebox"];
    let mut others: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    // What is a link ends elsewhere: the launcher refuses such a source. What another trial planted may be gone at any time.
    let planted = |path: &Path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("claudebox-"))
    };
    others.retain(|path| {
        let made = made_inside.iter().any(|name| path.ends_with(name));
        let a_place = places::on_host(SOCKETS, 0)
            .into_iter()
            .chain(places::on_host(FILES, 0));
        let a_place = a_place
            .map(|one| one.path)
            .any(|place| place.starts_with(path));
        !path.is_symlink() && !made && !planted(path) && !a_place
    });
    others.sort();
    others.into_iter().find(|path| path.exists())
}
