//! The closed world of mounts: what can be written is the project, the private folders and the devices of every program.
//! No mount lets a set-user-ID program count.   (threats: FS-06, MNT-09)
use std::fs;

use crate::probe::*;

const ALWAYS: [&str; 10] = [
    "/dev/full",
    "/dev/null",
    "/dev/pts",
    "/dev/random",
    "/dev/shm",
    "/dev/tty",
    "/dev/urandom",
    "/dev/zero",
    "/tmp",
    "/var/tmp",
];

pub const PROBE: Probe = Probe {
    asks: "is any mount writable that need not be, or without nosuid?",
    threats: &["FS-06", "MNT-09"],
    behind: &[Guard::ProjectOnly],
    also_as_root: true,
    expect: Expect::Exactly(|bait| {
        let mut writable: Vec<String> = ALWAYS.map(str::to_owned).into();
        writable.push(format!("/run/user/{}", bait.inside_uid));
        writable.extend([&bait.home, &bait.project].map(|path| path.display().to_string()));
        // The state of the project.
        writable.push(bait.home.join(".claude").display().to_string());
        let pinned = bait.pinned.iter().chain(&bait.kept);
        writable.extend(pinned.map(|path| path.display().to_string()));
        // Where uid 0 started it, /proc is read-only.
        if bait.uid != 0 {
            writable.push("/proc".into());
        }
        Seen::each(writable, |_| Act::saw("writable")).and("mounts without nosuid", Act::saw(0))
    }),
    attempt: |_| {
        let table = match fs::read_to_string("/proc/self/mountinfo") {
            Ok(table) => table,
            Err(error) => return Seen::one("mountinfo", Act::of::<()>(Err(error))),
        };
        let mounts: Vec<(&str, Vec<&str>)> = table
            .lines()
            .filter_map(|line| {
                let mut fields = line.split(' ').skip(4);
                Some((fields.next()?, fields.next()?.split(',').collect()))
            })
            .collect();
        let writable = mounts.iter().filter(|(_, options)| options.contains(&"rw"));
        let loose = mounts
            .iter()
            .filter(|(_, options)| !options.contains(&"nosuid"));
        Seen::each(writable.map(|(at, _)| at), |_| Act::saw("writable"))
            .and("mounts without nosuid", Act::saw(loose.count()))
    },
    ..Probe::USUAL
};
