//! Owns tests of the harness: each way in which a sandbox test can lie must come out as a failure, with its reason.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use escape_tests::harness::drive;
use escape_tests::harness::lab::Lab;
use escape_tests::harness::trial::Way;
use escape_tests::probe::{Act, Ending, Errno, Expect, Probe, Seen, Streams, Tier};
use escape_tests::probes;
use libtest_mimic::{Failed, Trial};

/// The tests.
pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test(
            "harness::bait_that_is_not_reachable_fails",
            bait_that_is_not_reachable_fails,
        ),
        Trial::test(
            "harness::a_sandbox_that_never_starts_fails",
            a_sandbox_that_never_starts_fails,
        ),
        Trial::test(
            "harness::a_launcher_that_says_nothing_fails",
            a_launcher_that_says_nothing_fails,
        ),
        Trial::test(
            "harness::a_missing_inside_half_fails",
            a_missing_inside_half_fails,
        ),
        Trial::test("harness::a_hang_fails", a_hang_fails),
        Trial::test("harness::exit_status_127_fails", exit_status_127_fails),
        Trial::test("harness::a_missing_probe_fails", a_missing_probe_fails),
        Trial::test(
            "harness::a_skip_fails_where_the_host_promised",
            a_skip_fails_where_the_host_promised,
        ),
        Trial::test(
            "harness::a_failure_is_an_exit_status",
            a_failure_is_an_exit_status,
        ),
        Trial::test(
            "harness::the_report_of_another_probe_fails",
            the_report_of_another_probe_fails,
        ),
        Trial::test("harness::damage_fails", damage_fails),
        Trial::test(
            "harness::taking_away_nothing_fails",
            taking_away_nothing_fails,
        ),
        Trial::test(
            "harness::each_planted_place_bites",
            each_planted_place_bites,
        ),
        Trial::test(
            "harness::only_what_was_reached_bites",
            only_what_was_reached_bites,
        ),
        Trial::test(
            "harness::a_canary_that_is_said_fails",
            a_canary_that_is_said_fails,
        ),
        Trial::test(
            "harness::only_what_is_named_at_the_end_is_no_damage",
            only_what_is_named_at_the_end_is_no_damage,
        ),
    ]
}

fn probe(name: &str) -> Probe {
    let found = probes::ALL.iter().find(|(known, _)| *known == name);
    found.expect("these tests use probes that exist").1
}

fn trial(name: &str, way: Way) -> drive::Trial {
    super::trial(name, &probe(name), way)
}

/// One place that is reached is enough for a trial to bite: here every socket and file that was planted must be.
fn each_planted_place_bites() -> Result<(), Failed> {
    for name in ["sockets", "host_files"] {
        let mut trial = trial(name, Way::Bites);
        trial.probe.expect = Expect::Reached;
        trial.probe.harmed = |_| None;
        match trial.run() {
            // Nothing was other than reached, so there was no breach.
            Err(why) if why.contains("nothing was reached") && !why.contains("only: ") => {}
            Err(why) => return Err(why.into()),
            Ok(()) => return Err(format!("{name}: a place was not reached").into()),
        }
    }
    Ok(())
}

/// The trial fails, and says so in these words.
fn fails(trial: &drive::Trial, words: &str) -> Result<(), Failed> {
    expect_failure(trial.run(), words)
}

fn expect_failure(outcome: Result<(), String>, words: &str) -> Result<(), Failed> {
    match outcome {
        Ok(()) => Err("the trial passed".into()),
        Err(why) if why.contains(words) => Ok(()),
        Err(why) => Err(format!("it failed for another reason than {words:?}: {why}").into()),
    }
}

fn bait_that_is_not_reachable_fails() -> Result<(), Failed> {
    for way in [Way::Holds, Way::Bites, Way::CommandLine] {
        let trial = trial("home_secrets", way);
        let mut lab = trial.lab()?;
        fs::remove_file(&lab.bait.secrets[3])?;
        expect_failure(
            trial.run_in(&mut lab),
            "the bait is not reachable from outside",
        )?;
    }
    Ok(())
}

fn a_sandbox_that_never_starts_fails() -> Result<(), Failed> {
    let mut trial = trial("home_secrets", Way::Holds);
    trial.launcher = "/bin/false".into();
    fails(&trial, "the trial ended with exit status: 97")?;
    trial.way = Way::Bites;
    fails(&trial, "the trial ended with exit status: 97")?;
    trial.way = Way::CommandLine;
    fails(&trial, "the trial ended with exit status: 1")?;
    trial.launcher = "/nonexistent/claudebox".into();
    fails(&trial, "the trial ended with exit status: 97")?;
    trial.probe.streams = Streams::Terminal;
    fails(&trial, "the trial ended with exit status: 97")
}

fn a_launcher_that_says_nothing_fails() -> Result<(), Failed> {
    let mut trial = trial("home_secrets", Way::CommandLine);
    trial.launcher = "/bin/true".into();
    fails(&trial, "0 lines were reported")?;
    // Arguments are not a report either.
    trial.launcher = "/bin/echo".into();
    fails(&trial, "not a report")
}

fn a_missing_inside_half_fails() -> Result<(), Failed> {
    for way in [Way::Holds, Way::Bites, Way::CommandLine] {
        let mut trial = trial("home_secrets", way);
        let mut lab = trial.lab()?;
        trial.inside = PathBuf::from("/nonexistent/probe-inside");
        expect_failure(trial.run_in(&mut lab), "the trial ended with exit status")?;
    }
    // A program that is there and makes no attempt.
    let mut trial = trial("home_secrets", Way::Holds);
    let mut lab = trial.lab()?;
    trial.inside = "/usr/bin/true".into();
    expect_failure(trial.run_in(&mut lab), "0 lines were reported")
}

/// What a shell says of a program that is not there, and what a filter of failures would take for a denial.
fn exit_status_127_fails() -> Result<(), Failed> {
    let mut trial = trial("home_secrets", Way::CommandLine);
    let mut lab = trial.lab()?;
    let fake = lab.bait.folder.join("fake");
    lab.caller.write(&fake, "#!/bin/sh\nexit 127\n");
    fs::set_permissions(&fake, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    trial.launcher = fake;
    let words = "the trial ended with exit status: 127";
    expect_failure(trial.run_in(&mut lab), words)
}

fn a_missing_probe_fails() -> Result<(), Failed> {
    for way in [Way::Holds, Way::CommandLine] {
        let mut trial = trial("home_secrets", way);
        trial.name = "no_such_probe".into();
        fails(&trial, "the trial ended with exit status: 97")?;
    }
    Ok(())
}

/// This program once more, as a host that promised everything and lacks something, and as one that promised nothing.
fn a_skip_fails_where_the_host_promised() -> Result<(), Failed> {
    for (strict, words) in [("1", "skipped under"), ("0", "1 ignored")] {
        let ran = again(SKIPS, strict)?;
        let said = String::from_utf8_lossy(&ran.stdout);
        if ran.status.success() == (strict == "1") || !said.contains(words) {
            return Err(format!("strict {strict}: {}\n{said}", ran.status).into());
        }
    }
    Ok(())
}

/// A harness that prints FAILED and exits with 0 has been seen.
fn a_failure_is_an_exit_status() -> Result<(), Failed> {
    let ran = again(FAILS, "1")?;
    let said = String::from_utf8_lossy(&ran.stdout);
    if ran.status.success() || !said.contains("1 failed") {
        return Err(format!("{}\n{said}", ran.status).into());
    }
    Ok(())
}

/// A test that does nothing but to be skipped, and one that fails: they exist where this program is told so.
const SKIPS: &str = "example::skips";
const FAILS: &str = "example::fails";
const EXAMPLES: &str = "CLAUDEBOX_TESTS_EXAMPLES";

/// The tests that must not pass.
pub(crate) fn examples() -> Vec<Trial> {
    if std::env::var_os(EXAMPLES).is_none() {
        return Vec::new();
    }
    vec![
        Trial::ignorable_test(SKIPS, || super::skip("this host has no such thing")),
        Trial::test(FAILS, || Err("it fails".into())),
    ]
}

fn again(test: &str, strict: &str) -> std::io::Result<Output> {
    let mut this = Command::new(std::env::current_exe()?);
    this.args(["--exact", test]).env(EXAMPLES, "1");
    this.env("CLAUDEBOX_TESTS_STRICT", strict)
        .env_remove("CLAUDEBOX_TESTS_JSON");
    this.output()
}

fn a_hang_fails() -> Result<(), Failed> {
    let mut trial = trial("survivors", Way::Holds);
    // The inside waits to be killed, and nobody does.
    trial.probe.ending = Ending::ByItself;
    trial.limit = Duration::from_secs(1);
    fails(&trial, "it did not end within 1s")
}

/// A launcher that is but these lines of shell.
fn fake(lab: &Lab, lines: &str) -> std::io::Result<PathBuf> {
    let fake = lab.bait.folder.join("fake");
    lab.caller.write(&fake, &format!("#!/bin/sh\n{lines}\n"));
    fs::set_permissions(&fake, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Ok(fake)
}

fn the_report_of_another_probe_fails() -> Result<(), Failed> {
    let mut trial = trial("home_secrets", Way::CommandLine);
    let mut lab = trial.lab()?;
    let report = r#"echo '{"probe":"hostname","seen":{"x":"absent"}}'"#;
    trial.launcher = fake(&lab, report)?;
    expect_failure(trial.run_in(&mut lab), "the report is of hostname")
}

/// A report that is all that could be wished, and damage all the same.
fn damage_fails() -> Result<(), Failed> {
    let mut trial = trial("home_planted", Way::Holds);
    trial.probe.harmed = |_| Some("damage".into());
    fails(&trial, "damage")
}

fn taking_away_nothing_fails() -> Result<(), Failed> {
    // A probe that stands behind no guard.
    fails(
        &trial("twin_project", Way::Bites),
        "left the plan as it was",
    )?;
    // A guard that has nothing to do with it: on `full` there is no such step.
    let mut trial = trial("name_resolution", Way::Bites);
    trial.tier = Tier::Full;
    fails(&trial, "left the plan as it was")
}

fn only_what_was_reached_bites() -> Result<(), Failed> {
    let trial = trial("home_secrets", Way::Holds);
    let lab = trial.lab()?;
    let judge = |expect: Expect, act: Act| {
        let verdict = expect.judge(&Seen::one("it", act), &lab.bait);
        (verdict.differences.is_empty(), verdict.breaches.is_empty())
    };
    let cases = [
        (
            "as expected",
            judge(Expect::Absent, Act::Absent),
            (true, true),
        ),
        (
            "reached",
            judge(Expect::Absent, Act::Reached),
            (false, false),
        ),
        (
            "another error",
            judge(Expect::Refused(Errno::EPERM), Act::errno(Errno::EACCES)),
            (false, true),
        ),
        (
            "not tried",
            judge(Expect::Absent, Act::Broken("no such program".into())),
            (false, true),
        ),
        (
            "refused where it should work",
            judge(Expect::Reached, Act::errno(Errno::EPERM)),
            (false, true),
        ),
    ];
    for (what, got, wanted) in cases {
        if got != wanted {
            return Err(format!("{what}: no difference, no breach = {got:?}").into());
        }
    }
    let silence = Expect::Absent.judge(&Seen::default(), &lab.bait);
    if silence.differences.is_empty() {
        return Err("silence passes".into());
    }
    Ok(())
}

/// The audit shows what a variable of an unsuspicious name holds.
fn a_canary_that_is_said_fails() -> Result<(), Failed> {
    let trial = trial("home_secrets", Way::CommandLine);
    let mut lab = trial.lab()?;
    let asked_for = ("CLAUDEBOX_EXTRA_ENV".to_owned(), "TMUX".to_owned());
    lab.bait.environment.push(asked_for);
    expect_failure(trial.run_in(&mut lab), "a canary was said aloud")
}

fn only_what_is_named_at_the_end_is_no_damage() -> Result<(), Failed> {
    let mut trial = trial("home_planted", Way::CommandLine);
    trial.probe.harmed = |_| Some("the host ran it".into());
    trial.probe.reported = &["Makefile", "build.rs"];
    let report = r#"echo '{"probe":"home_planted","seen":{"a new ~/.profile":"reached"}}'"#;
    for (end, wrong) in [
        ("changed: Makefile build.rs", None),
        ("changed: ./Makefile sub/build.rs", None),
        ("changed: Makefile", Some("nobody names build.rs")),
        (
            "changed: Makefile build.rs.old",
            Some("nobody names build.rs"),
        ),
        // What stands in the audit was there before.
        (
            "Makefile build.rs\nGuards\n",
            Some("nobody names Makefile, build.rs"),
        ),
    ] {
        let mut lab = trial.lab()?;
        trial.launcher = fake(&lab, &format!("{report}\nprintf '\\n{end} \\n' >&2"))?;
        let outcome = trial.run_in(&mut lab);
        match wrong {
            None => outcome?,
            Some(words) => expect_failure(outcome, words)?,
        }
    }
    Ok(())
}
