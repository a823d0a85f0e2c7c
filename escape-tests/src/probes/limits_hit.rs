//! A storm of processes, files and locked pages stops at the limit: with EAGAIN, EMFILE, ENOMEM, and not when the machine has no
//! more. What it may have it gets.   (threats: RES-01, RES-05, RES-06)
use std::fs::File;

use nix::libc;
use nix::sys::mman::{MapFlags, ProtFlags, mlock, mmap_anonymous};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork, pause};

use crate::harness::inside::in_child;
use crate::probe::*;

const PROCESSES: usize = 48;
const FILES: usize = 96;
const LOCKED: usize = 1 << 20;

/// This many more than the limit are tried.
const MORE: usize = 64;

/// The kernel limits no process that uid 0 started; the audit says so.
fn counts_processes(bait: &Bait) -> bool {
    bait.uid != 0
}

fn ended(errno: Errno, most: usize, got: usize) -> Act {
    if got <= most && got + 16 >= most {
        Act::errno(errno)
    } else {
        Act::saw(format!("{errno} after {got}"))
    }
}

fn processes() -> Act {
    let mut children = Vec::new();
    let mut act = Act::Reached;
    while children.len() < PROCESSES + MORE {
        // SAFETY: the inside has one thread; the child does nothing but wait to be killed.
        match unsafe { fork() } {
            Ok(ForkResult::Parent { child }) => children.push(child),
            Ok(ForkResult::Child) => loop {
                pause();
            },
            Err(errno) => {
                act = ended(errno, PROCESSES, children.len());
                break;
            }
        }
    }
    for child in &children {
        let _ = kill(*child, Signal::SIGKILL);
    }
    for child in children {
        let _ = waitpid(child, None);
    }
    act
}

fn files() -> Act {
    let mut open = Vec::new();
    while open.len() < FILES + MORE {
        match File::open("/dev/null") {
            Ok(file) => open.push(file),
            Err(error) => {
                let errno = Errno::from_raw(error.raw_os_error().unwrap_or(0));
                // So that it can be told.
                let got = open.len();
                open.clear();
                return ended(errno, FILES, got);
            }
        }
    }
    Act::Reached
}

fn locked(bytes: usize) -> Act {
    let length = std::num::NonZeroUsize::new(bytes).expect("it is not zero");
    // SAFETY: a new mapping, which nothing else knows of, and which ends with the child.
    let locked = unsafe {
        mmap_anonymous(
            None,
            length,
            ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
            MapFlags::MAP_PRIVATE,
        )
        .and_then(|memory| mlock(memory, bytes))
    };
    match locked {
        Err(errno) if errno as i32 == libc::ENOMEM => Act::errno(errno),
        other => Act::of_nix(other),
    }
}

pub const PROBE: Probe = Probe {
    asks: "does a storm of processes, files and locked pages go beyond what was allowed?",
    threats: &["RES-01", "RES-05", "RES-06"],
    behind: &[Guard::Limits],
    also_as_root: true,
    grants: |bait| {
        let mut limits = vec![format!("files={FILES}"), "locked-memory=1M".into()];
        if counts_processes(bait) {
            limits.push(format!("processes={PROCESSES}"));
        }
        let flag = |limit| format!("--limit={limit}").into();
        limits.into_iter().map(flag).collect()
    },
    expect: Expect::Exactly(|bait| {
        let mut seen = Seen::default();
        if counts_processes(bait) {
            seen.add("processes", Act::errno(Errno::EAGAIN));
        }
        seen.and("files", Act::errno(Errno::EMFILE))
            .and("half of the locked memory", Act::Reached)
            .and("more locked memory", Act::errno(Errno::ENOMEM))
    }),
    attempt: |bait| {
        let mut seen = Seen::default();
        if counts_processes(bait) {
            seen.add("processes", in_child(processes));
        }
        seen.and("files", in_child(files))
            .and("half of the locked memory", in_child(|| locked(LOCKED / 2)))
            .and("more locked memory", in_child(|| locked(LOCKED + 4096)))
    },
    ..Probe::USUAL
};
