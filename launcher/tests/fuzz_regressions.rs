//! Replays every corpus and every regression of `fuzz/` through the functions that the fuzzer calls, without the fuzzer;
//! then a fixed number of made-up inputs, so that a promise broken anew is seen here first.
#![allow(
    clippy::disallowed_methods,
    reason = "tests read their inputs; the boundaries are the launcher's"
)]

#[path = "../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "it is a library where the fuzzer builds it")]
mod targets;

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use self::targets::{TARGETS, Target};

fn inputs(kind: &str, name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz")
        .join(kind)
        .join(name);
    let mut inputs: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("listing").path())
        .filter(|path| path.file_name().is_some_and(|name| name != ".keep"))
        .map(|path| (path.clone(), fs::read(&path).expect("reading an input")))
        .collect();
    inputs.sort();
    inputs
}

fn replay(name: &str) {
    let (_, target) = TARGETS
        .iter()
        .find(|(known, _)| *known == name)
        .expect("a target of that name");
    let corpus = inputs("corpus", name);
    assert!(!corpus.is_empty(), "the corpus of {name} is empty");
    for (path, input) in corpus.into_iter().chain(inputs("regressions", name)) {
        assert!(
            catch_unwind(|| target(&input)).is_ok(),
            "{} breaks a promise",
            path.display()
        );
    }
    random(name, *target);
}

/// The same made-up inputs each time: seeds of the corpus, with bytes changed by a small generator (xorshift64).
fn random(name: &str, target: Target) {
    let seeds = inputs("corpus", name);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).expect("31 bits")
    };
    for _ in 0..300 {
        let mut input = seeds[next() % seeds.len()].1.clone();
        for _ in 0..=next() % 8 {
            let byte = u8::try_from(next() % 256).expect("a byte");
            match next() % 3 {
                0 => input.push(byte),
                1 if !input.is_empty() => {
                    let at = next() % input.len();
                    input[at] = byte;
                }
                _ => input.insert(next() % (input.len() + 1), byte),
            }
        }
        assert!(
            catch_unwind(|| target(&input)).is_ok(),
            "{name} breaks a promise with {:?}",
            input.escape_ascii().to_string()
        );
    }
}

#[test]
fn profile() {
    replay("profile");
}

#[test]
fn envfile() {
    replay("envfile");
}

#[test]
fn gitconfig() {
    replay("gitconfig");
}

#[test]
fn text_escape() {
    replay("text_escape");
}

#[test]
fn plan() {
    replay("plan");
}

#[test]
fn display() {
    replay("display");
}

#[test]
fn fence() {
    replay("fence");
}

#[test]
fn each_target_is_replayed_and_is_a_binary_of_the_fuzzer() {
    let this = include_str!("fuzz_regressions.rs");
    let manifest = include_str!("../../fuzz/Cargo.toml");
    for (name, _) in TARGETS {
        assert!(
            this.contains(&format!("replay(\"{name}\")")),
            "{name} is not replayed"
        );
        assert!(
            manifest.contains(&format!("name = \"{name}\"")),
            "{name} has no binary"
        );
    }
    assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
}
