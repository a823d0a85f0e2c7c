//! Sandboxes whose worth is known: none at all, a weak one, claudebox.

use std::collections::BTreeSet;

use escape_tests::claudebox_bin;
use escape_tests::elsewhere::judge::is_twin;

use super::{Measured, escape_tests, measure};

const WEAK: &str = "bwrap --bind / / --dev /dev --proc /proc --";

/// What may hold without any sandbox, as the host itself refuses it to an ordinary user. Each other probe that does is one
/// whose attack does not work.
const HELD_BY_THE_HOST: &[&str] = &[
    // There is no bwrap whose arguments could show.
    "command_lines",
    // Nobody starts git.
    "hostile_repository",
    // PID 1 belongs to root.
    "control_socket",
    "environment_of_pid_1",
    "init_by_rarer_calls",
    "memory_of_pid_1",
    "namespaces_of_init",
    "other_names_by_pid_1",
    // That wants a capability, or is root's.
    "file_capabilities",
    "kernel_settings",
    "kernel_settings_all",
    "mounts",
    "mounts_by_newer_calls",
    "privileged_calls",
    "proc_of_root",
    "real_time",
    "root_planted",
    // A distribution may forbid them to programs that it does not know (AppArmor).
    "mounts_in_a_namespace",
    "nested_user_namespaces",
    "network_changed",
    "network_residue",
    // It reads every file that it sees, which is the whole host: there is not time for that.
    "token_anywhere",
    // Its own PID 1 reaps.
    "orphan_flood",
    // A host may have no network.
    "name_resolution",
    "network_devices",
];

fn escaped(measured: &Measured, probes: &[&str]) {
    for probe in probes {
        assert_eq!(
            measured.verdict(probe),
            "ESCAPED",
            "{probe}:{}",
            measured.ran
        );
    }
}

#[test]
fn without_a_sandbox_every_attack_works_that_the_host_allows() {
    let measured = measure("env", &[]);
    assert_eq!(measured.status(), Some(1), "{}", measured.ran);
    let expected = |name: &str| is_twin(name) || HELD_BY_THE_HOST.contains(&name);
    let others: Vec<_> = measured
        .probes
        .iter()
        .filter(|(name, (verdict, _))| {
            !expected(name) && verdict != "ESCAPED" && verdict != "not tried"
        })
        .collect();
    assert!(others.is_empty(), "{others:?}:{}", measured.ran);
    for twin in [
        "twin_project",
        "twin_modes",
        "twin_built_programs",
        "twin_terminal",
    ] {
        assert_eq!(measured.verdict(twin), "works", "{}", measured.ran);
    }
    let errors = measured.of("error").into_iter();
    let errors: Vec<_> = errors.filter(|name| !expected(name)).collect();
    assert!(errors.is_empty(), "{errors:?}:{}", measured.ran);
    let guards = measured.json["guards"]
        .as_array()
        .expect("there are guards");
    let answer = |guard: &str| {
        let of_it = guards.iter().find(|one| one["guard"] == guard);
        of_it.unwrap_or_else(|| panic!("no guard {guard}"))["answer"].clone()
    };
    assert_eq!(answer("home-hidden"), "none");
    assert_eq!(answer("arguments-hidden"), "all");
    assert_eq!(answer("agent-read-only"), "unknown");
}

#[test]
fn a_weak_sandbox_is_told_from_a_good_one() {
    let filters = [
        "home_secrets",
        "host_loopback",
        "environment_files",
        "host_processes",
        "hostname",
        "project_only",
        "survivors_at_the_end",
        "mount_namespace",
        "no_new_privileges",
        "confined_everywhere",
        "twin_project",
        "stdin_reopened",
    ];
    let measured = measure(WEAK, &filters);
    assert_eq!(measured.status(), Some(1), "{}", measured.ran);
    escaped(
        &measured,
        &[
            "home_secrets",
            "host_loopback",
            "environment_files",
            "host_processes",
            "hostname",
            "project_only",
            "survivors_at_the_end",
            "stdin_reopened",
        ],
    );
    assert_eq!(
        measured.of("held"),
        ["mount_namespace", "no_new_privileges"]
    );
    // no_new_privs as in claudebox, but no filter.
    assert_eq!(measured.of("differs"), ["confined_everywhere"]);
    assert_eq!(measured.of("works"), ["twin_project"]);
}

/// The same bwrap with each of three flags more: the verdict of that probe turns, and of no other.
#[test]
fn a_flag_that_helps_is_seen() {
    let probes = ["hostname", "host_loopback", "host_processes"];
    for (flags, held) in [
        ("--unshare-uts --hostname claudebox", "hostname"),
        ("--unshare-net", "host_loopback"),
    ] {
        let measured = measure(&WEAK.replace("bwrap", &format!("bwrap {flags}")), &probes);
        assert_eq!(measured.of("held"), [held], "{flags}:{}", measured.ran);
        assert_eq!(measured.of("ESCAPED").len(), 2, "{flags}:{}", measured.ran);
    }
    let other_name = WEAK.replace("bwrap", "bwrap --unshare-uts --hostname another");
    let measured = measure(&other_name, &["hostname"]);
    assert_eq!(measured.verdict("hostname"), "differs", "{}", measured.ran);
    assert_eq!(measured.status(), Some(0), "{}", measured.ran);
    // The home folder is absent, as in claudebox; a project that is shown keeps the folders that lead to it.
    let hidden = "bwrap --ro-bind / / --bind /tmp /tmp --tmpfs {home} --bind {project} {project} --chdir {project} --";
    let measured = measure(hidden, &["home_secrets", "twin_project", "project_only"]);
    assert_eq!(measured.of("held"), ["home_secrets"], "{}", measured.ran);
    assert_eq!(
        measured.of("held otherwise"),
        ["project_only"],
        "{}",
        measured.ran
    );
    assert_eq!(measured.of("works"), ["twin_project"], "{}", measured.ran);
}

#[test]
fn claudebox_holds_everything() {
    let launcher = claudebox_bin();
    let line = format!(
        "{} exec -y --network none --env PROBE_ASKED_FOR --mount {{granted}} --mount {{inside}} --hide *.hidden --",
        launcher.display()
    );
    let measured = measure(&line, &[]);
    assert_eq!(measured.status(), Some(0), "{}", measured.ran);
    let fine: BTreeSet<&str> = ["held", "works", "not tried"].into();
    for (name, (verdict, detail)) in &measured.probes {
        assert!(
            fine.contains(verdict.as_str()),
            "{name}: {verdict}: {detail}"
        );
        let of_the_host = detail.starts_with("this kernel") || detail.starts_with("core dumps");
        let with_a_reason = ["loader_variables", "programs_of_path"].contains(&name.as_str());
        let of_the_suite = detail.starts_with("it is made on a terminal");
        assert!(
            verdict != "not tried" || of_the_host || of_the_suite || with_a_reason,
            "{name}: {verdict}: {detail}"
        );
    }
    assert!(measured.of("held").len() > 70, "{}", measured.ran);
}

/// One measurement, shown twice.
#[test]
fn json_and_table_agree() {
    let file = tempfile::NamedTempFile::new().expect("making a file");
    let path = file.path().display().to_string();
    let filters = [
        "hostname",
        "host_files",
        "home_secrets",
        "twin_modes",
        "agent_replaced",
    ];
    let mut program = escape_tests();
    program
        .args(["--sandbox", WEAK, "--json", &path])
        .args(filters);
    let ran = escape_tests::run(&mut program, super::LIMIT);
    assert_eq!(ran.status.code(), Some(1), "{ran}");
    let text = std::fs::read_to_string(&path).expect("reading the JSON");
    let json: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(json["version"], 1);
    assert_eq!(json["sandbox"], WEAK);
    assert!(json["uid"].as_u64().is_some_and(|uid| uid > 0), "{text}");
    let probes = json["probes"].as_array().expect("there are probes");
    assert_eq!(probes.len(), filters.len(), "{text}");
    for one in probes {
        let (name, verdict) = (&one["probe"], &one["verdict"]);
        let (name, verdict) = (
            name.as_str().expect("a name"),
            verdict.as_str().expect("one"),
        );
        let row = ran.stdout.lines().find(|line| line.starts_with(name));
        assert!(
            row.is_some_and(|row| row.contains(verdict)),
            "{name} {verdict}:{ran}"
        );
    }
    let counts = json["counts"].as_object().expect("there are counts");
    assert_eq!(
        counts
            .values()
            .filter_map(|count| count.as_u64())
            .sum::<u64>(),
        5
    );
    for (verdict, count) in counts {
        let row = format!(
            "{verdict:<15}{count:>4}",
            count = count.as_u64().unwrap_or(99)
        );
        assert!(ran.stdout.lines().any(|line| line == row), "{row}:{ran}");
    }
    // What goes beyond is the line that names CMD.
    let wide = ran
        .stdout
        .lines()
        .skip(1)
        .find(|line| line.chars().count() > 80);
    assert_eq!(wide, None, "{ran}");
}
