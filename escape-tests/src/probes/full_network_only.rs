//! `full` shares the host's network and nothing else: every other namespace is the sandbox's own, as on `none`.
//!   (threats: NET-45)
use std::fs;

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does `full` share more of the host than its network?",
    threats: &["NET-45"],
    behind: &[
        Guard::PidNamespace,
        Guard::IpcNamespace,
        Guard::UtsNamespace,
        Guard::CgroupNamespace,
    ],
    tiers: &[Tier::Full],
    also_as_root: true,
    expect: Expect::Exactly(|bait| {
        Seen::each(bait.namespaces.keys(), |name| match name.as_str() {
            "net" => Act::saw("the host's"),
            _ => Act::saw("its own"),
        })
    }),
    attempt: |bait| {
        Seen::each(bait.namespaces.keys(), |name| {
            match fs::read_link(format!("/proc/self/ns/{name}")) {
                Ok(here) if here.as_os_str() == bait.namespaces[*name].as_str() => {
                    Act::saw("the host's")
                }
                Ok(_) => Act::saw("its own"),
                Err(error) => Act::of::<()>(Err(error)),
            }
        })
    },
    ..Probe::USUAL
};
