//! Owns tests of the sweep itself: each way in which it can lie must come out. They tamper with the report of a sweep that
//! held.

use std::sync::OnceLock;

use escape_tests::harness::breaking::{Breaking, breaking};
use escape_tests::harness::trial::Way;
use escape_tests::probe::{Guard, Streams, Tier};
use escape_tests::sweep::Report;
use escape_tests::sweep::bound::{Allowed, Bound};
use escape_tests::sweep::judge::differences;
use escape_tests::sweep::level::{Kind, Level};
use libtest_mimic::{Failed, Trial};

use crate::attempt::{Extra, Setting, Swept};
use crate::sight::{Sight, sight};

/// The tests.
pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("self::an_empty_report_fails", an_empty_report_fails),
        Trial::test("self::a_walk_of_nothing_fails", a_walk_of_nothing_fails),
        Trial::test(
            "self::a_place_that_is_not_there_fails",
            a_place_that_is_not_there_fails,
        ),
        Trial::test("self::every_observation_counts", every_observation_counts),
        Trial::test("self::every_place_counts", every_place_counts),
        Trial::test("self::what_is_not_listed_fails", what_is_not_listed_fails),
        Trial::test(
            "self::a_sweep_that_says_nothing_fails",
            a_sweep_that_says_nothing_fails,
        ),
        Trial::test(
            "self::what_is_never_gone_is_never_seen_gone",
            what_is_never_gone,
        ),
    ]
}

const USUAL: Setting = Setting {
    tier: Tier::None,
    as_root: false,
    streams: Streams::Pipes,
    extra: Extra::None,
    way: Way::CommandLine,
    gone: &[],
};

/// One sweep that held.
fn held() -> Result<&'static Swept, Failed> {
    static HELD: OnceLock<Result<Swept, String>> = OnceLock::new();
    let swept = HELD.get_or_init(|| {
        let swept = USUAL.sweep()?;
        swept.nothing().map(|()| swept)
    });
    swept.as_ref().map_err(|why| why.clone().into())
}

/// Something differs, and it starts so.
fn differs(bound: &Bound, report: &Report, word: &str) -> Result<(), Failed> {
    let found = differences(bound, report);
    if found.iter().any(|difference| difference.starts_with(word)) {
        Ok(())
    } else {
        Err(format!("no difference starts with {word:?}: {found:?}").into())
    }
}

fn an_empty_report_fails() -> Result<(), Failed> {
    let bound = &held()?.bound;
    let found = differences(bound, &Report::default());
    let must = bound
        .seen
        .values()
        .filter(|allowed| !matches!(allowed, Allowed::Maybe(_)));
    let must = must.count()
        + bound
            .places
            .iter()
            .filter(|place| place.least > Level::Absent)
            .count();
    if found.len() > must && must > 100 {
        differs(bound, &Report::default(), "nothing was walked")
    } else {
        Err(format!("{} differences, and {must} things are missing", found.len()).into())
    }
}

fn a_walk_of_nothing_fails() -> Result<(), Failed> {
    let Swept { bound, report, .. } = held()?;
    let mut nothing = report.clone();
    (nothing.walked.entries, nothing.walked.folders) = (0, 0);
    differs(bound, &nothing, "nothing was walked")?;
    // One folder was left out.
    for (at, _) in bound.counts.iter().filter(|(_, names)| **names > 0) {
        let mut less = report.clone();
        less.walked.below.remove(at);
        differs(bound, &less, &format!("{at}: 0 names were walked"))?;
    }
    if bound.counts.contains_key("/usr") || bound.counts.contains_key("/nix/store") {
        Ok(())
    } else {
        Err("nobody counts the programs".into())
    }
}

fn a_place_that_is_not_there_fails() -> Result<(), Failed> {
    let Swept { bound, report, .. } = held()?;
    let mut more = bound.clone();
    let mut place = more.places[0].clone();
    place.at = "/nowhere".into();
    more.places.push(place);
    differs(&more, report, "/nowhere: it is listed, and missing")
}

fn every_observation_counts() -> Result<(), Failed> {
    let Swept { bound, report, .. } = held()?;
    for (name, value) in &report.seen.0 {
        let allowed = bound.seen.get(name).ok_or("a sweep held that did not")?;
        if !matches!(allowed, Allowed::Maybe(_)) {
            let mut less = report.clone();
            less.seen.0.remove(name);
            differs(bound, &less, &format!("{name}: missing"))?;
        }
        // What may be anything but what the host has: the host's own is tried where a guard is gone.
        let open = matches!(
            allowed,
            Allowed::Any | Allowed::Other(_) | Allowed::Fresh(_)
        );
        if !open {
            let mut other = report.clone();
            other.seen.0.insert(name.clone(), format!("{value}0"));
            differs(bound, &other, &format!("{name}: {value}0"))?;
        }
    }
    Ok(())
}

fn every_place_counts() -> Result<(), Failed> {
    let Swept { bound, report, .. } = held()?;
    for place in &bound.places {
        let at = place.at.to_string();
        let Some(found) = report.walked.found.get(&at) else {
            continue;
        };
        let with = |change: &dyn Fn(&mut escape_tests::sweep::paths::Found)| {
            let mut other = report.clone();
            let mut changed = found.clone();
            change(&mut changed);
            other.walked.found.insert(at.clone(), changed);
            differs(bound, &other, &format!("{at}: "))
        };
        with(&|found| {
            found.kind = if found.kind == Kind::Fifo {
                Kind::File
            } else {
                Kind::Fifo
            }
        })?;
        if place.most < Level::Writable {
            with(&|found| found.level = Level::Writable)?;
        }
        if place.least > Level::Listed {
            with(&|found| found.level = Level::Listed)?;
        }
        if place.holds.is_some() {
            with(&|found| found.holds.push('0'))?;
        }
    }
    Ok(())
}

fn what_is_not_listed_fails() -> Result<(), Failed> {
    let Swept { bound, report, .. } = held()?;
    let mut more = report.clone();
    more.seen.add("variable NEW", "");
    differs(bound, &more, "variable NEW: ")?;
    // A second of a name does not hide behind the first.
    more.seen.add("variable HOME", "/root");
    differs(bound, &more, "variable HOME (2): /root")?;
    let mut more = report.clone();
    more.walked.excess.push("/new: it is there".into());
    differs(bound, &more, "/new: ")?;
    let mut more = report.clone();
    more.walked.more = 1;
    differs(bound, &more, "and 1 more")
}

fn a_sweep_that_says_nothing_fails() -> Result<(), Failed> {
    for (launcher, words) in [
        ("/bin/true", "did not report in one line"),
        ("/bin/false", "did not report in one line"),
        ("/bin/echo", "not a report"),
    ] {
        match USUAL.sweep_by(launcher.into()) {
            Err(why) if why.contains(words) => {}
            other => return Err(format!("{launcher}: {other:?}").into()),
        }
    }
    Ok(())
}

/// Both lists name the same guards.
fn what_is_never_gone() -> Result<(), Failed> {
    for guard in Guard::ALL {
        let never = matches!(breaking(*guard), Breaking::Outside(_));
        let seen = sight(*guard);
        if never != matches!(seen, Sight::NeverGone) {
            return Err(format!("{}: {seen:?}", guard.name()).into());
        }
        if let Sight::Unseen(why) = seen
            && why.len() < 20
        {
            return Err(format!("{}: no reason", guard.name()).into());
        }
    }
    Ok(())
}
