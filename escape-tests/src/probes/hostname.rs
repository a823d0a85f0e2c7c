//! The host's name tells whose machine it is.   (threats: FS-20, PROC-17)
use nix::libc;

use crate::harness::inside::{address, c_path, in_child, system_call};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does it learn the host's name, or change it?",
    threats: &["FS-20", "PROC-17"],
    behind: &[Guard::UtsNamespace],
    harmless: true,
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::one("gethostname(2)", Act::saw("claudebox"))
            .and("sethostname(2)", Act::errno(Errno::EPERM))
    }),
    attempt: |_| {
        let name = match nix::unistd::gethostname() {
            Ok(name) => Act::saw(name.to_string_lossy()),
            Err(errno) => Act::errno(errno),
        };
        // The name that it has already: where this works, it changes nothing.
        let same = c_path(nix::unistd::gethostname().unwrap_or_default());
        let length = i64::try_from(same.as_bytes().len()).expect("a name is short");
        let set =
            in_child(|| system_call(libc::SYS_sethostname, [address(&same), length, 0, 0, 0, 0]));
        Seen::one("gethostname(2)", name).and("sethostname(2)", set)
    },
    ..Probe::USUAL
};
