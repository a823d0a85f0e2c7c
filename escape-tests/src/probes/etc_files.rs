//! /etc of a host tells who works there, where names are resolved, and holds the secrets of services. The one of the
//! sandbox is compared with a list, whole.   (threats: FS-03)
use std::path::Path;

use crate::harness::inside;
use crate::probe::*;

/// What is made for the launch.
const GENERATED: [&str; 8] = [
    "/etc/passwd",
    "/etc/group",
    "/etc/hosts",
    "/etc/hostname",
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
    "/etc/claudebox/SANDBOX.md",
    "/etc/claude-code/CLAUDE.md",
];

/// Made as well where somebody asked for ssh, and known by its first line: the host's own begins otherwise.
const FOR_SSH: (&str, &str) = ("/etc/ssh/ssh_config", "# Made by claudebox.\n");

/// Whether it is that, and no more than the little that it takes.
fn is_for_ssh(path: &Path) -> bool {
    let made = |text: String| text.starts_with(FOR_SSH.1) && text.len() < 4096;
    path == Path::new(FOR_SSH.0) && std::fs::read_to_string(path).is_ok_and(made)
}

/// What is the host's, where the host has it. Each is looked at as a whole. Written out, not taken from the launcher: a list that
/// judges itself holds whatever it says.
const SHARED: [&str; 16] = [
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/ca-trust/extracted",
    "/etc/ca-certificates",
    "/etc/locale.conf",
    "/etc/localtime",
    "/etc/zoneinfo",
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/services",
    "/etc/protocols",
    "/etc/static",
];

pub const PROBE: Probe = Probe {
    asks: "is there anything in /etc that was not made for this launch or listed?",
    threats: &["FS-03"],
    behind: &[Guard::EtcGenerated],
    harmless: true,
    also_as_root: true,
    expect: Expect::Exactly(|bait| {
        let shared = SHARED.into_iter().filter(|path| Path::new(path).exists());
        let mut listed = Seen::each(GENERATED.into_iter().chain(shared), |_| Act::Reached);
        for path in bait.shown.iter().filter(|path| path.starts_with("/etc")) {
            listed.0.insert(path.display().to_string(), Act::Reached);
        }
        listed
    }),
    attempt: |bait| match inside::walk(Path::new("/etc"), &|path| {
        SHARED.iter().any(|shared| path == Path::new(shared))
            || bait.shown.iter().any(|shown| path == shown)
    }) {
        Ok(found) => {
            let found = found.iter().filter(|path| !is_for_ssh(path));
            Seen::each(found.map(|path| path.display()), |_| Act::Reached)
        }
        Err(error) => Seen::one("/etc", Act::of::<()>(Err(error))),
    },
    ..Probe::USUAL
};
