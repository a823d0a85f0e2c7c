//! Owns the list of probes: the folder `src/probes` is the registry, so a new file is a new probe.
#![allow(
    clippy::disallowed_methods,
    reason = "a build script is effects; the module boundaries are the launcher's"
)]

use std::env;
use std::fmt::Write;
use std::fs;
use std::path::Path;

fn main() {
    let folder =
        Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("Cargo sets it")).join("src/probes");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut names: Vec<String> = fs::read_dir(&folder)
        .expect("the folder of the probes is there")
        .map(|entry| entry.expect("reading the folder of the probes").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| {
            let name = path.file_stem().expect("a file has a name");
            name.to_str().expect("names of probes are ASCII").to_owned()
        })
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no probe in {}", folder.display());
    let mut list = String::new();
    for name in &names {
        let path = folder.join(format!("{name}.rs"));
        writeln!(list, "#[path = {path:?}]\npub mod {name};").expect("writing to a string");
    }
    writeln!(list, "/// Every probe by its name, which is that of its file.\npub const ALL: &[(&str, crate::probe::Probe)] = &[")
        .expect("writing to a string");
    for name in &names {
        writeln!(list, "    ({name:?}, {name}::PROBE),").expect("writing to a string");
    }
    list.push_str("];\n");
    let out = env::var_os("OUT_DIR").expect("Cargo sets it");
    fs::write(Path::new(&out).join("probes.rs"), list).expect("writing the list of probes");
}
