//! Runs `bootstrap` on machines made of stand-ins: a PATH that holds only stubs, and a folder that stands for `/`.
//!
//! Each stub notes how it was called; the notes, whole and in order, are what is judged. The stub of a package manager
//! puts what it "installs" in place, so that a second run meets the machine that the first one left.

#![allow(
    clippy::disallowed_methods,
    reason = "tests build the world that the launcher's modules only look at"
)]

mod installing;
mod machine;
mod proving;

const BUILD: &str = "cargo build --release --locked -p claudebox -p escape-tests --bin claudebox --bin claudebox-verify";
const PROOF: [&str; 4] = [
    "claudebox check",
    "claudebox exec -y -- sh -c id",
    "claudebox run -y -- --version",
    "claudebox verify",
];
const DEBIAN_INSTALL: [&str; 2] = [
    "apt-get update",
    "apt-get install -y --no-install-recommends bubblewrap passt nftables git bash ca-certificates gcc libc6-dev",
];

fn joined<'a>(parts: &[&[&'a str]]) -> Vec<&'a str> {
    parts.concat()
}
