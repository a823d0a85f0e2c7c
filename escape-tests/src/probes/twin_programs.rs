//! The useful twin of everything that is absent: programs of the host run, by the two paths that every script expects and
//! by PATH, and what they leave behind is reaped.
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "do programs run?",
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::one("/bin/sh", Act::saw("exit status: 7"))
            .and("/usr/bin/env", Act::saw("exit status: 0"))
            .and("PATH", Act::saw("exit status: 1"))
            .and("orphans", Act::saw("reaped"))
    }),
    attempt: |_| {
        let ended = |command: &mut Command| match command.stdout(Stdio::null()).status() {
            Ok(status) => Act::saw(status),
            Err(error) => Act::of::<()>(Err(error)),
        };
        let sh = ended(Command::new("/bin/sh").args(["-c", "exit 7"]));
        let env = ended(Command::new("/usr/bin/env").arg("true"));
        let path = ended(&mut Command::new("false"));
        // The shell ends before its background job does, which is then PID 1's to collect.
        let shell = ended(Command::new("/bin/sh").args(["-c", "sleep 0.05 & exit 0"]));
        let end = Instant::now() + Duration::from_secs(3);
        let two =
            |pids: &std::io::Result<Vec<u32>>| pids.as_ref().is_ok_and(|pids| pids.len() == 2);
        let mut pids = inside::pids();
        while !two(&pids) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
            pids = inside::pids();
        }
        let orphans = match (two(&pids), shell) {
            (true, Act::Saw(_)) => Act::saw("reaped"),
            (_, shell) => Act::Broken(format!("shell: {shell}; processes: {pids:?}")),
        };
        Seen::one("/bin/sh", sh)
            .and("/usr/bin/env", env)
            .and("PATH", path)
            .and("orphans", orphans)
    },
    ..Probe::USUAL
};
