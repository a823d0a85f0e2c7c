//! /run is full of sockets of the host. Inside it holds the private runtime folder of this session, which is empty, and
//! claudebox's own folder.
//!   (threats: FS-09)
use std::path::Path;

use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "is there anything in /run?",
    threats: &["FS-09"],
    behind: &[Guard::HostHidden],
    expect: Expect::Exactly(|bait| {
        Seen::one(format!("/run/user/{}", bait.inside_uid), Act::Reached)
            .and("/run/claudebox/init", Act::Reached)
            .and("/run/claudebox/bin/claude", Act::Reached)
            .and("/var/run", Act::Absent)
    }),
    attempt: |_| {
        let var_run = Act::of(std::fs::symlink_metadata("/var/run"));
        match inside::walk(Path::new("/run"), &|_| false) {
            Ok(found) => Seen::each(found.iter().map(|path| path.display()), |_| Act::Reached),
            Err(error) => Seen::one("/run", Act::of::<()>(Err(error))),
        }
        .and("/var/run", var_run)
    },
    ..Probe::USUAL
};
