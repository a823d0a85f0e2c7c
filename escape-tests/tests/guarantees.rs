//! Owns `docs/guarantees.md`: made from the guards, the probes and the walls of the mutation run, so that it cannot say
//! more than is tried. CLAUDEBOX_BLESS=1 writes it anew.

#![allow(
    clippy::disallowed_methods,
    reason = "tests are effects; the module boundaries are the launcher's"
)]

use std::fs;
use std::path::Path;

use escape_tests::catalogue::{self, ACCEPTED, ELSEWHERE};
use escape_tests::harness::breaking::{Breaking, breaking};
use escape_tests::harness::mutation::{LAST_WALLS, MISSED_AS_ROOT};
use escape_tests::probe::{Guard, Probe, Tier};
use escape_tests::probes;

const HEAD: &str = "\
# Guarantees

Made from the code by `escape-tests/tests/guarantees.rs`, which also holds it to that: do not edit it.

Each guard of the [threat model](threat-model.md) with the probes behind it. A probe is one attack in a file of
`escape-tests/src/probes`. It *holds*: under the real plan it fails in exactly the way that it should, looked at from
outside. And it *bites*: with its guards taken away it works, where they can be taken away. Every probe is made as an
ordinary user; those marked `uid 0` are also made where root started claudebox with `--allow-root`. Those marked `verify` are
harmless: `claudebox verify` makes them on a person's own machine.
";

const ALONE: &str = "\
## What is missed as the last wall

The mutation run leaves out each step of the plan and each rule of the filter, makes each read-only mount writable, takes the
size and the mode from each tmpfs, and opens the environment, one at a time: some probe must fail each time. No mutation
survives. Before these steps other walls stand, so that their loss alone changes nothing: they are left out together with those,
and then an attack behind their own guard must succeed, which without the others alone it must not.

| mutation | where | what stands before it |
|---|---|---|
";

const ROWS: &str = "\
## The rows of the catalogue

Each row of the catalogue of isolation failures, by the probes that try it, by another test, or why it is accepted.

| row | tried by |
|---|---|
";

const LAUNCHER: &str = "\
## What stands behind no step of the plan

Attacks on the launcher itself, before there is a sandbox. Nothing can be taken away from a plan to make them work.

";

const TWINS: &str = "\
## What works all the same

A sandbox in which nothing works holds every probe. These must succeed, with the same exactness.

";

fn page() -> String {
    let mut page = HEAD.to_owned();
    for guard in Guard::ALL {
        page += &format!(
            "\n## `{}`\n\nStops {}, by {}.\n",
            guard.name(),
            guard.stops(),
            guard.enforced_by()
        );
        match breaking(*guard) {
            Breaking::Edit(_) => {}
            Breaking::OnlyAsRoot(_, why) => {
                page += &format!("Taken away only where uid 0 starts it: {why}.\n");
            }
            Breaking::Outside(why) => {
                page += &format!(
                    "Nothing of a plan takes it away: {why}. The attempt is made without a sandbox instead.\n"
                );
            }
        }
        page += "\n";
        page += &table(guard.name(), |_, probe| probe.behind.contains(guard));
    }
    page += "\n";
    page += TWINS;
    page += &table("the twins", |name, _| name.starts_with("twin_"));
    page += "\n";
    page += LAUNCHER;
    page += &table("the launcher", |name, probe| {
        probe.behind.is_empty() && !name.starts_with("twin_")
    });
    page += "\n";
    page += ALONE;
    let quoted = |name: &str| name.replace('<', "`<").replace('>', ">`");
    for one in LAST_WALLS {
        let who = if one.only_as_root {
            "uid 0"
        } else {
            "everyone"
        };
        let (what, tiers) = (quoted(one.name), names(one.tiers));
        page += &format!("| {what} | {who}, {tiers} | {} |\n", one.why);
    }
    for (name, why) in MISSED_AS_ROOT {
        let what = quoted(name);
        page += &format!("| {what} | ordinary user; missed as uid 0 | {why} |\n");
    }
    page += "\n";
    page += ROWS;
    for id in catalogue::rows() {
        let tried: Vec<String> = probes::ALL
            .iter()
            .filter(|(_, probe)| probe.threats.contains(&id.as_str()))
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        let elsewhere = ELSEWHERE.iter().find(|(row, ..)| *row == id);
        let accepted = ACCEPTED.iter().find(|(row, _)| *row == id);
        let by = match (elsewhere, accepted) {
            (Some((_, file, _)), _) => format!("`{file}`"),
            (_, Some((_, why))) => format!("accepted: {why}"),
            _ => String::new(),
        };
        let by: Vec<String> = tried
            .into_iter()
            .chain((!by.is_empty()).then_some(by))
            .collect();
        page += &format!("| {id} | {} |\n", by.join(" "));
    }
    page
}

fn table(what: &str, is_of: impl Fn(&str, &Probe) -> bool) -> String {
    let rows: Vec<String> = probes::ALL
        .iter()
        .filter(|(name, probe)| is_of(name, probe))
        .map(|(name, probe)| {
            assert!(!probe.asks.contains(['|', '\n']), "{name}: {}", probe.asks);
            let root = if probe.also_as_root { ", uid 0" } else { "" };
            let verify = if probe.harmless { ", verify" } else { "" };
            let (asks, tiers) = (probe.asks, names(probe.tiers));
            format!("| `{name}` | {asks} | {tiers}{root}{verify} |\n")
        })
        .collect();
    assert!(!rows.is_empty(), "no probe stands behind {what}");
    format!("| probe | asks | on |\n|---|---|---|\n{}", rows.concat())
}

fn names(tiers: &[Tier]) -> String {
    let names: Vec<String> = tiers
        .iter()
        .map(|tier| format!("`{}`", tier.name()))
        .collect();
    names.join(" ")
}

#[test]
fn the_page_says_what_is_tried() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guarantees.md");
    let page = page();
    if std::env::var_os("CLAUDEBOX_BLESS").is_some_and(|bless| bless == "1") {
        fs::write(&path, page).expect("writing the page");
        return;
    }
    let text = fs::read_to_string(&path).expect("the page is there");
    let differ = text
        .lines()
        .zip(page.lines())
        .find(|(there, made)| there != made);
    assert!(
        text == page,
        "docs/guarantees.md is not what the code says; the first difference: {differ:?}\n\
         hint: CLAUDEBOX_BLESS=1 cargo test -p escape-tests --test guarantees"
    );
}

#[test]
fn every_probe_is_on_the_page() {
    let page = page();
    let missing: Vec<&str> = probes::ALL
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !page.contains(&format!("| `{name}` |")))
        .collect();
    assert!(missing.is_empty(), "not on the page: {missing:?}");
}
