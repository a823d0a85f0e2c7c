//! One folder, one case: a host and arguments, and the plan and audit, or the refusal, that must come of them.
//!
//! ```text
//! tests/hosts/HOST.json       facts; `like` names the host that it differs from (merge patch)
//! tests/golden/CASE/
//!   args                      `HOST: claudebox ARGUMENTS`
//!   facts.patch.json          merged into the host, if there
//!   NAME.json, config.json    profiles;   user.env, project.env, project.json, trust.json   other files of claudebox
//!   plan.json, audit.txt      what comes of it: one step a line; the audit at 80 columns
//!   sandbox.md                what the agent is told, where a case has this file
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

use claudebox::guard::Guard;
use claudebox::plan::{Action, Plan, Step};
use libtest_mimic::{Arguments, Failed, Trial};

use self::harness::{Came, Case, golden};

/// Refusals that no case can hold, and why.
const ELSEWHERE: [(&str, &str); 2] = [
    (
        "NoProjectFile",
        "only `claudebox trust` ends so; in command_line/trust.rs",
    ),
    (
        "VariableTooLong",
        "too long to be written down; in bad_input.rs",
    ),
];

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
    trials.push(Trial::test("the_laws_bite", the_laws_bite));
    libtest_mimic::run(&arguments, trials).exit();
}

/// The registry tests itself: a variant of an error enum without a case is found by name.
fn every_refusal_has_a_case() -> Result<(), Failed> {
    let sources = [
        ("ConfigError", include_str!("../src/config/error.rs")),
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
        let elsewhere = |variant: &&str| ELSEWHERE.iter().any(|(name, _)| name == variant);
        missing.extend(
            unseen
                .filter(|variant| !elsewhere(variant))
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

/// Makes a plan that breaks a law, of one that keeps it and a way to make mounts.
type BreakIt = fn(&mut Plan, &dyn Fn(&str, bool) -> Step);

/// The twin of the laws: each finds a plan that breaks it.
fn the_laws_bite() -> Result<(), Failed> {
    let case = Case::all()
        .into_iter()
        .find(|case| case.name == "run_on_debian");
    let Some(Ok(Came::Plan { plan, .. })) = case.map(|case| case.came()) else {
        return Err("run_on_debian is planned".into());
    };
    harness::laws::keeps(&plan)?;
    let mount = |at: &str, writable| Step {
        action: Action::Bind {
            from: at.into(),
            at: at.into(),
            writable,
        },
        ..plan.steps[0].clone()
    };
    let breaks: [(&str, BreakIt); 5] = [
        ("twice", |plan, mount| {
            plan.steps.insert(0, mount("/usr", false))
        }),
        ("beneath", |plan, mount| {
            plan.steps.insert(0, mount("/srv/x/y", false));
            plan.steps.insert(0, mount("/srv/x", true));
        }),
        ("can be moved", |plan, mount| {
            let mut guarded = mount("/srv/x/y/z", false);
            guarded.guard = Guard::HostRunGuarded;
            plan.steps.insert(0, guarded);
            plan.steps.insert(0, mount("/srv/x", true));
        }),
        ("sealed", |plan, _| drop(plan.steps.pop())),
        ("on PATH", |plan, mount| {
            plan.steps.insert(0, mount("/bin/writable", true));
            let path = plan.variables.iter_mut().find(|one| one.name == "PATH");
            path.expect("there is a PATH").value = "/bin/writable/x".into();
        }),
    ];
    for (law, break_it) in breaks {
        let mut broken = (*plan).clone();
        break_it(&mut broken, &mount);
        match harness::laws::keeps(&broken) {
            Err(why) if why.contains(law) => {}
            came => return Err(format!("the law `{law}` does not bite: {came:?}").into()),
        }
    }
    Ok(())
}
