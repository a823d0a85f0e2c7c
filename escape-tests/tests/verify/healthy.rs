//! Where all is as it should be: every guard of the plan is proven, in seconds, and nothing of the person's is another.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use escape_tests::probe::{Guard, Tier};
use escape_tests::terminal::{COLUMNS, Terminal};
use escape_tests::{Caller, SOON, is_root, run};
use libtest_mimic::Trial;

use crate::person::{COMPANION, Person, rows};
use crate::test;

/// The tests.
pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for as_root in [false, true] {
        if as_root && !is_root() {
            continue;
        }
        for tier in [Tier::None, Tier::Full] {
            let who = if as_root { "uid0" } else { "user" };
            let name = format!("healthy::{who}::{}", tier.name());
            trials.push(test(name, move || every_guard_is_proven(tier, as_root)));
        }
    }
    trials.push(test(
        "healthy::flags_shape_the_sandbox",
        flags_shape_the_sandbox,
    ));
    trials.push(test(
        "healthy::the_table_says_the_same",
        the_table_says_the_same,
    ));
    trials.push(test("healthy::at_a_terminal", at_a_terminal));
    trials.push(test(
        "healthy::where_a_package_puts_it",
        where_a_package_puts_it,
    ));
    trials
}

/// The guards that no attempt can tell from another, where all else holds. Written out: a list that judges itself holds
/// whatever it says.
fn not_tried(tier: Tier) -> Vec<Guard> {
    let mut not_tried = vec![
        Guard::SignalScope,
        Guard::LandlockFiles,
        Guard::FreshKeyring,
        Guard::NoNestedNamespaces,
        Guard::DieWithParent,
        Guard::TerminalRestored,
        Guard::StatePerProject,
        Guard::LoginStore,
    ];
    if tier == Tier::None {
        not_tried.push(Guard::AbstractSockets);
    }
    not_tried
}

fn every_guard_is_proven(tier: Tier, as_root: bool) {
    let person = Person::new(as_root);
    let before = person.belongings();
    let began = Instant::now();
    let ran = person
        .verify(&["--network", tier.name(), "--json", "--hide", "*.pem"])
        .success();
    assert!(
        began.elapsed() < Duration::from_secs(15),
        "it takes seconds, not {:?}",
        began.elapsed()
    );
    for (guard, (verdict, why)) in rows(&ran) {
        let absent = match guard {
            Guard::NetNamespace => tier == Tier::Full,
            Guard::NoResolvers => tier != Tier::None,
            Guard::EgressFence | Guard::HelperClosed => tier != Tier::Inet,
            Guard::ProcReadOnly => !as_root,
            _ => false,
        };
        let expected = if absent {
            "not-available"
        } else if not_tried(tier).contains(&guard) {
            "not-tried"
        } else {
            "proven"
        };
        // A kernel without scopes has neither of them.
        let scoped = [Guard::AbstractSockets, Guard::SignalScope].contains(&guard);
        if scoped && verdict == "not-available" && why.contains("Landlock") {
            continue;
        }
        assert_eq!(verdict, expected, "{guard:?}: {why}{ran}");
        assert_eq!(
            why.is_empty(),
            verdict == "proven",
            "{guard:?} has a reason or is proven{ran}"
        );
    }
    assert_eq!(ran.stderr, "", "nobody watches");
    assert_eq!(person.belongings(), before);
    assert_eq!(person.processes(), Vec::<String>::new());
}

/// Grants, variables and profiles of the person's are no breach, in their own sandbox.
fn flags_shape_the_sandbox() {
    let person = Person::new(false);
    let home = person.caller.home();
    let caller = &person.caller;
    caller.write(&home.join("docs/page"), "text\n");
    caller.write(&home.join("work/file"), "text\n");
    caller.write(&home.join("tools/tool"), "#!/bin/sh\n");
    let shelf = caller.folder().join("shelf/-x; touch pwned");
    caller.write(&shelf.join("file"), "text\n");
    caller.own(&caller.folder().join("shelf"));
    caller.write(
        &home.join(".claudebox/profiles/p.json"),
        r#"{"network": "none", "env": ["OF_THE_PERSON"]}"#,
    );
    caller.write(&home.join(".ssh/id_ed25519.pub"), "ssh-ed25519 AAAA\n");
    let key = home.join(".ssh/id_ed25519");
    fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).expect("chmod");
    let before = person.belongings();
    let mut command = person.command(person.installed("bin", true));
    command.env("OF_THE_PERSON", "value");
    command.args([
        "verify",
        "--json",
        "--profile",
        "p",
        "--env",
        "OF_THE_PERSON",
    ]);
    command.args([
        "--mount",
        "~/docs",
        "--mount-home",
        "work",
        "--path-add",
        "~/tools",
    ]);
    command
        .arg("--ssh-key")
        .arg(&key)
        .arg("--mount")
        .arg(&shelf);
    let ran = run(&mut command, SOON).success();
    assert!(
        ran.stdout.contains("\"tier\": \"none\""),
        "the profile counts:{ran}"
    );
    let rows = rows(&ran);
    assert_eq!(rows[&Guard::HomeHidden].0, "proven", "{ran}");
    assert_eq!(rows[&Guard::HostHidden].0, "proven", "{ran}");
    assert_eq!(person.belongings(), before);
}

fn the_table_says_the_same() {
    let person = Person::new(false);
    let ran = person.verify(&["--network", "none"]).success();
    for guard in Guard::ALL {
        let row = ran
            .stdout
            .lines()
            .find(|line| line.starts_with(&format!("{} ", guard.name())));
        let row = row.unwrap_or_else(|| panic!("no row for {guard:?}:{ran}"));
        let words = ["proven", "not available", "not tried"];
        assert!(words.iter().any(|word| row.contains(word)), "{row}");
    }
    let last = ran.stdout.lines().last().unwrap_or_default();
    assert!(last.contains("no guard is broken"), "{ran}");
}

fn at_a_terminal() {
    let caller = Caller::new();
    let person = Person {
        caller,
        as_root: false,
    };
    let program = person.installed("bin", true);
    let line = [
        program.as_os_str(),
        "verify".as_ref(),
        "--network".as_ref(),
        "none".as_ref(),
    ];
    let terminal = Terminal::start(&person.caller, &line, |command| {
        command.env("NO_COLOR", "1");
    });
    let ended = terminal.ended(SOON);
    let written = terminal.written();
    assert_eq!(ended.code, 0, "{written}");
    assert_eq!(ended.modes_before, ended.modes_after);
    assert!(
        written.contains("attacks …"),
        "it shows how far it is: {written}"
    );
    for line in written.lines() {
        let shown = line
            .rsplit('\r')
            .find(|part| !part.trim().is_empty())
            .unwrap_or_default();
        assert!(shown.chars().count() <= COLUMNS.into(), "{shown:?}");
    }
    assert!(!written.contains('\u{1b}'), "NO_COLOR: {written:?}");
    assert_eq!(person.bait(), None);
}

fn where_a_package_puts_it() {
    let person = Person::new(false);
    let alone = person.installed("alone", false);
    let folder = alone
        .parent()
        .and_then(|folder| folder.parent())
        .expect("two folders");
    let libexec = folder.join("libexec/claudebox");
    fs::create_dir_all(&libexec).expect("a folder");
    fs::copy(COMPANION, libexec.join("claudebox-verify")).expect("installing");
    for path in [libexec.clone(), libexec.join("claudebox-verify")] {
        fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("chmod");
    }
    let _ = run(
        person.command(&alone).args(["verify", "--network", "none"]),
        SOON,
    )
    .success();
}
