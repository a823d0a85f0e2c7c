//! A set-user-ID program gives whoever runs it another identity, unless no_new_privs is set, which no process can take
//! back.   (threats: KRN-02, PROC-13)
use crate::harness::inside::in_child;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "is no_new_privs set on every process?",
    threats: &["KRN-02", "PROC-13"],
    behind: &[Guard::NoNewPrivileges],
    harmless: true,
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::one("this process", Act::saw(1)).and("a child in a session of its own", Act::saw(1))
    }),
    attempt: |_| {
        let of_a_child = in_child(|| match nix::unistd::setsid() {
            Ok(_) => super::capabilities::status("NoNewPrivs"),
            Err(errno) => Act::Broken(format!("setsid: {errno}")),
        });
        Seen::one("this process", super::capabilities::status("NoNewPrivs"))
            .and("a child in a session of its own", of_a_child)
    },
    ..Probe::USUAL
};
