//! A person gave one key. The others beside it, the configuration of ssh that says where they open something, and the agent that holds
//! them all stay outside, and the key that was given stays as it is.   (threats: CRED-15, FS-01)
use std::fs;

use crate::harness::inside;
use crate::probe::*;

const CONFIG: &str = "Host secret\n\tIdentityFile ~/.ssh/id_ed25519\n";

pub const PROBE: Probe = Probe {
    asks: "does one key bring another along, or can it be replaced?",
    threats: &["CRED-15", "FS-01"],
    behind: &[Guard::HomeHidden],
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(|lab| {
        let ssh = lab.bait.home.join(".ssh");
        for (name, text) in [
            ("id_given", "given"),
            ("id_given.pub", "public"),
            ("config", CONFIG),
            ("known_hosts", "known"),
        ] {
            crate::harness::detonator::write(lab, &ssh.join(name), text)?;
        }
        Ok(())
    }),
    grants: |bait| {
        let key = bait.home.join(".ssh/id_given");
        vec!["--ssh-key".into(), key.into()]
    },
    expect: Expect::Exactly(|_| {
        Seen::one("the key", Act::Reached)
            .and("its public half", Act::Reached)
            .and("known hosts", Act::Reached)
            .and("another key", Act::Absent)
            .and("the configuration", Act::Absent)
            .and("SSH_AUTH_SOCK", Act::Absent)
            .and("write the key", Act::errno(Errno::EROFS))
            .and("write known hosts", Act::errno(Errno::EROFS))
            .and("remove the key", Act::errno(Errno::EBUSY))
    }),
    attempt: |bait| {
        let at = |name: &str| bait.home.join(".ssh").join(name);
        Seen::one("the key", inside::read(&at("id_given")))
            .and("its public half", inside::read(&at("id_given.pub")))
            .and("known hosts", inside::read(&at("known_hosts")))
            .and("another key", inside::read(&at("id_ed25519")))
            .and("the configuration", inside::read(&at("config")))
            .and("SSH_AUTH_SOCK", inside::variable("SSH_AUTH_SOCK"))
            .and("write the key", inside::append(&at("id_given"), "x"))
            .and("write known hosts", inside::append(&at("known_hosts"), "x"))
            .and("remove the key", Act::of(fs::remove_file(at("id_given"))))
    },
    harmed: |bait| {
        let read =
            |name: &str| fs::read_to_string(bait.home.join(".ssh").join(name)).unwrap_or_default();
        (read("id_given") != "given" || read("known_hosts") != "known")
            .then(|| "it is another".into())
    },
    ..Probe::USUAL
};
