//! The useful twin of refused ways into other processes: a debugger stops its own child, reads its memory and lets it go on; a
//! thread and a new session are made; the present personality is asked for.
use nix::errno::Errno as Number;
use nix::libc;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};

use crate::harness::inside::{in_child, system_call};
use crate::probe::*;

/// What lies in the child's memory, at the address that it has in the parent's too.
static WORD: u64 = 0x636c_6175_6465_626f;

pub const PROBE: Probe = Probe {
    asks: "can it debug its own child?",
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::one(
            "a debugged child",
            Act::saw(format!("{WORD:x}, and exit 7")),
        )
        .and("a thread", Act::saw("it ran"))
        .and("the present personality", Act::Reached)
    }),
    attempt: |_| {
        let thread = std::thread::spawn(|| "it ran").join();
        Seen::one("a debugged child", in_child(debugged))
            .and("a thread", Act::saw(thread.unwrap_or("it panicked")))
            .and(
                "the present personality",
                system_call(libc::SYS_personality, [0xffff_ffff, 0, 0, 0, 0, 0]),
            )
    },
    ..Probe::USUAL
};

fn debugged() -> Act {
    // SAFETY: the child makes calls that touch no memory, and ends.
    match unsafe { fork() } {
        Ok(ForkResult::Child) => {
            // SAFETY: no pointer is passed.
            unsafe {
                libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0);
                libc::raise(libc::SIGSTOP);
                libc::_exit(7)
            }
        }
        Ok(ForkResult::Parent { child }) => watched(child).unwrap_or_else(Act::errno),
        Err(errno) => Act::Broken(format!("fork: {errno}")),
    }
}

fn watched(child: Pid) -> nix::Result<Act> {
    let stopped = waitpid(child, None)?;
    if !matches!(stopped, WaitStatus::Stopped(..)) {
        return Ok(Act::Broken(format!("the child did not stop: {stopped:?}")));
    }
    Number::clear();
    // SAFETY: reads one word of a stopped child, at an address that is mapped there.
    let word = unsafe { libc::ptrace(libc::PTRACE_PEEKDATA, child.as_raw(), &raw const WORD, 0) };
    if word == -1 {
        return Ok(Act::errno(Number::last()));
    }
    // SAFETY: no pointer is passed.
    unsafe { libc::ptrace(libc::PTRACE_CONT, child.as_raw(), 0, 0) };
    match waitpid(child, None)? {
        WaitStatus::Exited(_, code) => Ok(Act::saw(format!("{word:x}, and exit {code}"))),
        other => Ok(Act::Broken(format!("it ended otherwise: {other:?}"))),
    }
}
