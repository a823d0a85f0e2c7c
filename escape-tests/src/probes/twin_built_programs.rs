//! The useful twin: what is built or written inside can be executed, in each of the agent's own folders.
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does a program run that was made inside?",
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::each(["project", "home", "/tmp", "/var/tmp"], |_| {
            Act::saw("exit status: 0")
        })
    }),
    attempt: |bait| {
        let mut seen = Seen::default();
        for (name, folder) in [
            ("project", bait.project.clone()),
            ("home", bait.home.clone()),
            ("/tmp", "/tmp".into()),
            ("/var/tmp", "/var/tmp".into()),
        ] {
            let program = folder.join(format!("built-{}", bait.mark));
            let made = fs::copy("/bin/true", &program)
                .and_then(|_| fs::set_permissions(&program, fs::Permissions::from_mode(0o755)))
                .and_then(|()| Command::new(&program).status());
            seen.add(
                name,
                made.map_or_else(|error| Act::of::<()>(Err(error)), Act::saw),
            );
        }
        seen
    },
    ..Probe::USUAL
};
