//! Owns tests of the list of probes itself: complete, unique, well formed, no guard forgotten.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use escape_tests::catalogue::{self, ACCEPTED, ELSEWHERE};
use escape_tests::harness::breaking::{Breaking, bites_by, breaking};
use escape_tests::harness::trial::Way;
use escape_tests::probe::{Ending, Guard, Probe, Streams, Then};
use escape_tests::probes;
use libtest_mimic::{Failed, Trial};

/// Whether a probe is made in some way.
type IsMade = fn(&Probe) -> bool;

/// The ways of the harness beyond one session on pipes.
pub(crate) const DRIVERS: [(&str, IsMade); 8] = [
    ("in a later session", |probe| {
        let later = |then: &Then| matches!(then, Then::Session(_));
        probe.then.iter().any(later)
    }),
    ("by a program of the host", |probe| {
        let host = |then: &Then| matches!(then, Then::Host(_));
        probe.then.iter().any(host)
    }),
    ("in company", |probe| probe.in_company),
    ("at a terminal", |probe| probe.streams == Streams::Terminal),
    ("on files", |probe| probe.streams == Streams::Files),
    ("on a socket, FIFO or other terminal", |probe| {
        use Streams::{Fifo, ForeignTerminal, Socket};
        matches!(probe.streams, Socket | Fifo | ForeignTerminal)
    }),
    ("with the launcher killed", |probe| {
        probe.ending != Ending::ByItself
    }),
    ("with somebody who meddles", |probe| probe.meddle.is_some()),
];

/// The tests.
pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("registry::every_file_is_a_probe", every_file_is_a_probe),
        Trial::test(
            "registry::every_probe_says_what_it_is",
            every_probe_says_what_it_is,
        ),
        Trial::test(
            "registry::every_row_of_the_catalogue_is_somewhere",
            every_row_of_the_catalogue_is_somewhere,
        ),
        Trial::test("registry::every_driver_is_used", every_driver_is_used),
        Trial::test("registry::every_guard_has_a_probe", every_guard_has_a_probe),
        Trial::test(
            "registry::every_guard_has_a_harmless_probe",
            every_guard_has_a_harmless_probe,
        ),
        Trial::test(
            "registry::what_is_harmless_names_nothing_of_the_person",
            what_is_harmless_names_nothing_of_the_person,
        ),
        Trial::test(
            "registry::every_guard_is_taken_away_or_has_a_reason",
            every_guard_is_taken_away_or_has_a_reason,
        ),
    ]
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/probes")
}

fn every_file_is_a_probe() -> Result<(), Failed> {
    let listed: BTreeSet<String> = probes::ALL
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    let files: BTreeSet<String> = fs::read_dir(folder())?
        .flatten()
        .filter_map(|entry| {
            entry
                .file_name()
                .to_str()?
                .strip_suffix(".rs")
                .map(str::to_owned)
        })
        .collect();
    if listed != files || listed.len() != probes::ALL.len() {
        return Err(format!(
            "files and list differ: {:?}",
            files.symmetric_difference(&listed)
        )
        .into());
    }
    Ok(())
}

fn every_probe_says_what_it_is() -> Result<(), Failed> {
    let mut questions = BTreeSet::new();
    let mut complaints = Vec::new();
    for (name, probe) in probes::ALL {
        let text = fs::read_to_string(folder().join(format!("{name}.rs")))?;
        let twin = name.starts_with("twin_");
        let complaint = if !text.starts_with("//! ") {
            "it does not begin with its story"
        } else if !probe.asks.ends_with('?') {
            "it asks nothing"
        } else if !questions.insert(probe.asks) {
            "another probe asks the same"
        } else if probe.tiers.is_empty() {
            "it is tried on no tier"
        } else if probe.threats.is_empty() && !twin {
            "it names no threat"
        } else if !twin
            && !probe.threats.iter().all(|threat| {
                text.split("pub const PROBE")
                    .next()
                    .is_some_and(|story| story.contains(threat))
            })
        {
            "its story does not name its threats"
        } else if probe.streams == Streams::Terminal && probe.ending != Ending::ByItself {
            "a terminal whose launcher is killed tells nothing"
        } else {
            continue;
        };
        complaints.push(format!("{name}: {complaint}"));
    }
    if complaints.is_empty() {
        Ok(())
    } else {
        Err(complaints.join("\n").into())
    }
}

/// META-09. A row is tried by a probe or by another test, or it is accepted, which is not both.
fn every_row_of_the_catalogue_is_somewhere() -> Result<(), Failed> {
    let rows: BTreeSet<String> = catalogue::rows().collect();
    let mut wrong = Vec::new();
    let mut tried: BTreeSet<&str> = BTreeSet::new();
    for (name, probe) in probes::ALL {
        let unknown = probe.threats.iter().filter(|id| !rows.contains(**id));
        wrong.extend(unknown.map(|id| format!("{name} names {id}, which is no row")));
        tried.extend(probe.threats);
    }
    for (id, file, test) in ELSEWHERE {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file));
        if !text.is_ok_and(|text| text.contains(test)) {
            wrong.push(format!("{id}: {file} holds no {test}"));
        }
    }
    let elsewhere: BTreeSet<&str> = ELSEWHERE.iter().map(|(id, ..)| *id).collect();
    let accepted: BTreeSet<&str> = ACCEPTED.iter().map(|(id, _)| *id).collect();
    for id in elsewhere.iter().chain(&accepted) {
        if !rows.contains(*id) {
            wrong.push(format!("{id} is no row"));
        }
    }
    for id in &accepted {
        if tried.contains(id) || elsewhere.contains(id) {
            wrong.push(format!("{id} is accepted, and tried"));
        }
    }
    for id in &rows {
        let id = id.as_str();
        if !(tried.contains(id) || elsewhere.contains(id) || accepted.contains(id)) {
            wrong.push(format!("{id} is nowhere"));
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n").into())
    }
}

/// META-08: what one session cannot see is tried, on each way that the harness has.
fn every_driver_is_used() -> Result<(), Failed> {
    for (driver, is_used) in DRIVERS {
        let used = probes::ALL.iter().filter(|(_, probe)| is_used(probe));
        if used.count() == 0 {
            return Err(format!("no probe {driver}").into());
        }
    }
    Ok(())
}

fn every_guard_has_a_probe() -> Result<(), Failed> {
    let alone: Vec<&str> = Guard::ALL
        .iter()
        .filter(|guard| {
            !probes::ALL
                .iter()
                .any(|(_, probe)| probe.behind.contains(guard))
        })
        .map(|guard| guard.name())
        .collect();
    if alone.is_empty() {
        Ok(())
    } else {
        Err(format!("no probe stands behind {}", alone.join(", ")).into())
    }
}

/// HARD-05: `claudebox verify` has something to try for each.
fn every_guard_has_a_harmless_probe() -> Result<(), Failed> {
    let harmless = |guard: &&Guard| {
        let tries = |(_, probe): &(&str, Probe)| probe.harmless && probe.behind.contains(guard);
        !probes::ALL.iter().any(tries)
    };
    let alone: Vec<&str> = Guard::ALL
        .iter()
        .filter(harmless)
        // It takes a terminal, networks to attack, a login to lose, or another project, which `verify` has none of for its attempts.
        .filter(|guard| {
            !matches!(
                guard,
                Guard::TerminalRestored
                    | Guard::EgressFence
                    | Guard::HelperClosed
                    | Guard::StatePerProject
                    | Guard::LoginStore
            )
        })
        .map(|guard| guard.name())
        .collect();
    if alone.is_empty() {
        Ok(())
    } else {
        Err(format!("no harmless probe stands behind {}", alone.join(", ")).into())
    }
}

/// In a lab the home and the project are bait, and elsewhere they are not: what a harmless probe makes lies in `shared`.
fn what_is_harmless_names_nothing_of_the_person() -> Result<(), Failed> {
    let mut complaints = Vec::new();
    for (name, _) in probes::ALL.iter().filter(|(_, probe)| probe.harmless) {
        let text = fs::read_to_string(folder().join(format!("{name}.rs")))?;
        for place in [
            "bait.project.join(",
            "bait.home.join(",
            "inside::create(&bait.home",
        ] {
            if text.contains(place) {
                complaints.push(format!("{name}: {place}…)"));
            }
        }
    }
    if complaints.is_empty() {
        Ok(())
    } else {
        Err(complaints.join("\n").into())
    }
}

/// META-03: where a guard can be taken away, some probe is there that falls when it is.
fn every_guard_is_taken_away_or_has_a_reason() -> Result<(), Failed> {
    for guard in Guard::ALL {
        let falls = |(_, probe): &&(&str, Probe)| {
            let (uid, how) = match breaking(*guard) {
                Breaking::Edit(_) => (1, Way::Bites),
                Breaking::OnlyAsRoot(..) => (0, Way::Bites),
                Breaking::Outside(_) => (1, Way::Outside),
            };
            probe.behind.contains(guard)
                && (uid != 0 || probe.also_as_root)
                && bites_by(probe.behind, uid) == Some(how)
        };
        if !probes::ALL.iter().any(|named| falls(&named)) {
            return Err(format!("no probe falls when {} is taken away", guard.name()).into());
        }
        let why = match breaking(*guard) {
            Breaking::Edit(_) => continue,
            Breaking::OnlyAsRoot(_, why) | Breaking::Outside(why) => why,
        };
        if why.len() < 20 {
            return Err(format!("{}: no reason", guard.name()).into());
        }
    }
    Ok(())
}
