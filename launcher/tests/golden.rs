//! One folder, one case: a host and arguments, and the plan and audit, or the refusal, that must come of them.
//!
//! ```text
//! tests/hosts/HOST.json       facts; `like` names the host that it differs from (RFC 7396 merge)
//! tests/golden/CASE/
//!   args                      `HOST: claudebox ARGUMENTS`
//!   facts.patch.json          merged into the host, if there
//!   NAME.json, config.json    profiles;   user.env, project.env, trust.json   other files of claudebox
//!   plan.json, audit.txt      what comes of it: one step a line; the audit at 80 columns
//!   error.txt                 or the refusal, with status and hint
//! ```
//!
//! CLAUDEBOX_BLESS=1 writes what came in place of what was expected: read the difference before you commit it.
#![allow(
    clippy::disallowed_methods,
    reason = "tests read their cases; the boundaries are the launcher's"
)]

#[path = "golden/harness.rs"]
mod harness;

use libtest_mimic::{Arguments, Failed, Trial};

use self::harness::{Came, Case, golden};

fn main() {
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> = Case::all()
        .into_iter()
        .map(|case| Trial::test(case.name.clone(), move || case.check()))
        .collect();
    assert!(
        trials.len() > 20,
        "the cases were not found: {} of them",
        trials.len()
    );
    trials.push(Trial::test(
        "every_refusal_has_a_case",
        every_refusal_has_a_case,
    ));
    trials.push(Trial::test("every_host_has_a_case", every_host_has_a_case));
    trials.push(Trial::test(
        "no_case_shows_a_secret",
        no_case_shows_a_secret,
    ));
    trials.push(Trial::test(
        "every_plan_keeps_the_laws",
        every_plan_keeps_the_laws,
    ));
    libtest_mimic::run(&arguments, trials).exit();
}

/// The registry tests itself: a variant of an error enum without a case is found by name.
fn every_refusal_has_a_case() -> Result<(), Failed> {
    let sources = [
        ("ConfigError", include_str!("../src/config.rs")),
        ("PlanError", include_str!("../src/plan.rs")),
        ("ProfileError", include_str!("../src/profile.rs")),
    ];
    let seen: Vec<String> = Case::all()
        .iter()
        .filter_map(|case| match case.came() {
            Ok(Came::Refusal { variants, .. }) => Some(variants),
            _ => None,
        })
        .flatten()
        .collect();
    let mut missing = Vec::new();
    for (name, source) in sources {
        let (_, body) = source
            .split_once(&format!("pub enum {name} {{"))
            .ok_or("the enum was not found")?;
        let (body, _) = body.split_once("\n}").ok_or("the enum has no end")?;
        let variants: Vec<&str> = body
            .lines()
            .filter_map(|line| {
                line.strip_prefix("    ")
                    .filter(|line| line.starts_with(char::is_uppercase))
            })
            .map(|line| {
                line.split(|c: char| !c.is_alphanumeric())
                    .next()
                    .unwrap_or_default()
            })
            .collect();
        assert!(variants.len() > 3, "the variants of {name} were not found");
        let unseen = variants
            .into_iter()
            .filter(|variant| !seen.iter().any(|seen| seen == variant));
        // Facts never hold what is no UTF-8 path with NUL: the kernel gives none. The fuzz targets reach it.
        missing.extend(
            unseen
                .filter(|variant| *variant != "Nul")
                .map(|variant| format!("{name}::{variant}")),
        );
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("no case ends in {}", missing.join(", ")).into())
    }
}

fn every_host_has_a_case() -> Result<(), Failed> {
    let used: Vec<String> = Case::all().iter().map(|case| case.host.clone()).collect();
    let unused: Vec<String> = harness::hosts()
        .into_iter()
        .filter(|host| !used.contains(host))
        .collect();
    if unused.is_empty() {
        Ok(())
    } else {
        Err(format!("no case for the host {}", unused.join(", ")).into())
    }
}

/// AUD-B over all that is written down: no value of a variable that is secret by its name, and no password.
fn no_case_shows_a_secret() -> Result<(), Failed> {
    let secrets = [
        "Wq8rT2yUi0pAs4dF",
        "vJ3k9QmX7bT1zR5wP0aL",
        "hunter2",
        "9aK2mQ7xV4bT1zR5wP0aL",
    ];
    let mut read = 0;
    for case in Case::all() {
        for file in ["plan.json", "audit.txt", "error.txt"] {
            let Ok(text) = std::fs::read_to_string(golden().join(&case.name).join(file)) else {
                continue;
            };
            read += 1;
            if let Some(secret) = secrets.iter().find(|secret| text.contains(*secret)) {
                return Err(format!("{}/{file} shows {secret}", case.name).into());
            }
        }
    }
    assert!(read > 20, "nothing was read");
    Ok(())
}

/// What holds for every plan, whatever the case: see the laws of the fuzz targets, which are the same.
fn every_plan_keeps_the_laws() -> Result<(), Failed> {
    let mut plans = 0;
    for case in Case::all() {
        if let Ok(Came::Plan { plan, .. }) = case.came() {
            harness::laws::keeps(&plan).map_err(|why| format!("{}: {why}", case.name))?;
            plans += 1;
        }
    }
    assert!(plans > 10, "nothing was planned");
    Ok(())
}
