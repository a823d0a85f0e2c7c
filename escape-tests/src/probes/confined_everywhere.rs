//! A filter and no_new_privs are of each thread: they must hold in every thread, child, session and program that comes later.
//!   (threats: PROC-13, KRN-04, KRN-11)
use std::fs;
use std::process::Command;
use std::thread;

use nix::unistd::setsid;

use super::capabilities::status;
use crate::harness::inside::in_child;
use crate::probe::*;

const WHO: [&str; 5] = [
    "itself",
    "a thread",
    "a grandchild in a session of its own",
    "a program",
    "a script",
];

fn confinement() -> Act {
    match (status("Seccomp"), status("NoNewPrivs"), status("CapEff")) {
        (Act::Saw(seccomp), Act::Saw(privileges), Act::Saw(capabilities)) => {
            Act::Saw(format!("{seccomp} {privileges} {capabilities}"))
        }
        (seccomp, ..) => Act::Broken(seccomp.to_string()),
    }
}

pub const PROBE: Probe = Probe {
    asks: "is there a thread, a child or a program without the filter?",
    threats: &["PROC-13", "KRN-04", "KRN-11"],
    behind: FILTER,
    also_as_root: true,
    expect: Expect::Exactly(|_| Seen::each(WHO, |_| Act::saw("2 1 0000000000000000"))),
    attempt: |bait| {
        let thread = thread::spawn(|| {
            // /proc/self is the process; /proc/thread-self this thread.
            let text = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
            fields(&text)
        });
        let thread = thread
            .join()
            .unwrap_or_else(|_| Act::Broken("the thread panicked".into()));
        let grandchild = in_child(|| {
            let _ = setsid();
            in_child(confinement)
        });
        let of = |command: &mut Command| match command.output() {
            Ok(output) => fields(&String::from_utf8_lossy(&output.stdout)),
            Err(error) => Act::of::<()>(Err(error)),
        };
        let script = bait.project.join("script");
        let written = fs::write(&script, "#!/bin/sh\nexec cat /proc/self/status\n");
        let executable = written.and_then(|()| {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755))
        });
        let script = match executable {
            Ok(()) => of(&mut Command::new(&script)),
            Err(error) => Act::Broken(error.to_string()),
        };
        Seen::one(WHO[0], confinement())
            .and(WHO[1], thread)
            .and(WHO[2], grandchild)
            .and(WHO[3], of(Command::new("cat").arg("/proc/self/status")))
            .and(WHO[4], script)
    },
    ..Probe::USUAL
};

fn fields(status: &str) -> Act {
    let field = |name: &str| {
        let value = status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
        value.unwrap_or("?").to_owned()
    };
    Act::Saw(format!(
        "{} {} {}",
        field("Seccomp"),
        field("NoNewPrivs"),
        field("CapEff")
    ))
}
