//! A session that takes all memory has the kernel kill programs of its user. Under a limit it kills one of the session, and what else
//! runs there goes on.   (threats: RES-02)
use nix::libc;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

use crate::probe::*;

/// What is allowed, and what is taken, in MiB.
const ALLOWED: usize = 64;
const TAKEN: usize = 256;

/// Takes memory in a child, a page after the other.
fn take(mebibytes: usize) -> Act {
    // SAFETY: the inside has one thread, so the child may do whatever its parent could.
    match unsafe { fork() } {
        Ok(ForkResult::Child) => {
            let mut memory = vec![0_u8; mebibytes << 20];
            for page in memory.iter_mut().step_by(4096) {
                *page = 1;
            }
            std::hint::black_box(&memory);
            // SAFETY: nothing of this process is used any more.
            unsafe { libc::_exit(0) }
        }
        Ok(ForkResult::Parent { child }) => match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, 0)) => Act::Reached,
            Ok(WaitStatus::Signaled(_, Signal::SIGKILL, _)) => Act::saw("ended by SIGKILL"),
            other => Act::saw(format!("{other:?}")),
        },
        Err(errno) => Act::errno(errno),
    }
}

pub const PROBE: Probe = Probe {
    asks: "may it take more memory than it was allowed?",
    threats: &["RES-02"],
    behind: &[Guard::Limits],
    needs: &[Need::ControlGroup],
    also_as_root: true,
    grants: |_| vec![format!("--limit=memory={ALLOWED}M").into()],
    expect: Expect::Exactly(|_| {
        Seen::one("a quarter of it", Act::Reached)
            .and("more than it", Act::saw("ended by SIGKILL"))
            .and("a quarter of it, afterwards", Act::Reached)
    }),
    attempt: |_| {
        Seen::one("a quarter of it", take(ALLOWED / 4))
            .and("more than it", take(TAKEN))
            .and("a quarter of it, afterwards", take(ALLOWED / 4))
    },
    ..Probe::USUAL
};
