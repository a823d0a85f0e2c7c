//! Started by uid 0, the inside is an ordinary user all the same.   (threats: PROC-15; RUN-07)
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "is it an ordinary user?",
    threats: &["PROC-15"],
    // Without the first, what is left in the bounding set would end the launch: see `launch::verdict`.
    behind: &[Guard::UserNamespace, Guard::NoCapabilities],
    harmless: true,
    also_as_root: true,
    expect: Expect::Exactly(|bait| {
        let id = bait.inside_uid;
        Seen::one(
            "real, effective, saved and file system uid",
            Act::saw(format!("{id}\t{id}\t{id}\t{id}")),
        )
        .and("a user namespace of its own", Act::saw(true))
    }),
    attempt: |bait| {
        let namespace = std::fs::read_link("/proc/self/ns/user")
            .map(|link| link.to_string_lossy().into_owned());
        let own = namespace.is_ok_and(|namespace| namespace != bait.namespaces["user"]);
        Seen::one(
            "real, effective, saved and file system uid",
            super::capabilities::status("Uid"),
        )
        .and("a user namespace of its own", Act::saw(own))
    },
    ..Probe::USUAL
};
