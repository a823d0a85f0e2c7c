//! Owns the proof that the attacks of `inet` are some: each is made in a plain network namespace to which pasta or slirp4netns is
//! attached, with nothing that fences it, by tools that have nothing of claudebox. What it goes for must be reached.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Duration;

use escape_tests::harness::drive;
use escape_tests::harness::inside::Report;
use escape_tests::harness::lab::Lab;
use escape_tests::probe::{Act, Need, Probe, Resolver};
use escape_tests::{probes, until};
use libtest_mimic::{Failed, Trial};

use crate::scene::Killed;

/// Those that are not about what a fence keeps away from a single session.
const OTHER: [(&str, &str); 11] = [
    ("inet_descriptors", "it is about what the launcher closes"),
    (
        "inet_name_services",
        "it is about sockets in the file system",
    ),
    (
        "inet_echo_requests",
        "a new network namespace allows nobody to make such a socket",
    ),
    ("inet_fence_changed", "it is about capabilities"),
    (
        "inet_first_instruction",
        "it is about when the fence is loaded",
    ),
    ("inet_helper_killed", "it is about the end of a helper"),
    ("inet_inbound", "it is about flags of the helper"),
    ("inet_loopback", "it is about flags of the helper"),
    ("inet_residue", "it is about what the launcher leaves"),
    ("inet_sessions", "it is about two sessions"),
    ("inet_topology", "it is about flags of the helper"),
];

/// The same, and no attack on an address.
const NOT_OF_ADDRESSES: [&str; 7] = [
    "inet_names",
    "inet_nix_daemon",
    "inet_resolver",
    "inet_resolver_lan",
    "inet_resolver_mesh",
    "inet_spellings",
    "inet_storm",
];

/// What slirp4netns does not carry: groups, and at once IPv6, without which no foreign source has a route.
const NOT_BY_SLIRP: [&str; 3] = [
    "inet_foreign_source",
    "inet_groups_joined",
    "inet_multicast",
];

#[derive(Debug, Clone, Copy)]
enum Helper {
    Pasta,
    Slirp,
}

pub(crate) fn trials() -> Vec<Trial> {
    let fenced = probes::ALL
        .iter()
        .filter(|(_, probe)| probe.needs.contains(&Need::NetworkLab));
    let fenced = fenced.filter(|(name, _)| name.starts_with("inet_"));
    let attacks = fenced.filter(|(name, _)| {
        !NOT_OF_ADDRESSES.contains(name) && !OTHER.iter().any(|(other, _)| other == name)
    });
    let mut trials = Vec::new();
    for (name, probe) in attacks {
        for (helper, called) in [(Helper::Pasta, "pasta"), (Helper::Slirp, "slirp4netns")] {
            if matches!(helper, Helper::Slirp) && NOT_BY_SLIRP.contains(name) {
                continue;
            }
            let title = format!("bare_helper::{called}::{name}");
            trials.push(super::in_the_lab(title, move || {
                reaches(name, probe, helper)
            }));
        }
    }
    trials.push(Trial::test(
        "bare_helper::each_exception_is_a_probe",
        || {
            let mut named = OTHER.iter().map(|(name, _)| name).chain(&NOT_OF_ADDRESSES);
            match named.find(|name| !probes::ALL.iter().any(|(known, _)| known == *name)) {
                None => Ok(()),
                Some(name) => Err(format!("no probe {name}").into()),
            }
        },
    ));
    trials
}

/// The attempt of `probe` reaches something that it must not reach on `inet`.
fn reaches(name: &str, probe: &Probe, helper: Helper) -> Result<(), Failed> {
    let mut trial = super::trial_of(name, probe);
    // One that a helper leads to without a forwarder.
    trial.probe.networks = Some(Resolver::Lan);
    let lab = trial.lab()?;
    let report = attempt(&trial, &lab, helper)?;
    lab.settle()?;
    let ground = lab.bait.ground.as_ref().ok_or("no lab")?;
    let silent = ground.public_that_was_silent();
    // slirp4netns carries IPv6 where the version of it does.
    let silent = silent
        .iter()
        .filter(|one| matches!(helper, Helper::Pasta) || !one.contains(':'));
    let silent: Vec<&String> = silent.collect();
    if !silent.is_empty() {
        return Err(format!("the public side was not reached: {silent:?}").into());
    }
    let out = ground.out_of_bounds();
    let reached = report
        .seen
        .0
        .values()
        .filter(|act| **act == Act::Reached)
        .count();
    if out.is_empty() || reached == 0 {
        let verdict = probe.expect.judge(&report.seen, &lab.bait);
        let what = verdict.differences.join("\n");
        return Err(format!("heard {out:?}, reached {reached}\n{what}").into());
    }
    Ok(())
}

/// Makes the attempt of a trial behind a helper, as its caller.
fn attempt(trial: &drive::Trial, lab: &Lab, helper: Helper) -> Result<Report, Failed> {
    // A shell that waits for a line, and becomes bwrap.
    let mut command = lab.command("unshare");
    command.args(["--user", "--map-root-user", "--net", "--", "sh", "-c"]);
    command.args(["ip link set lo up; echo ready; read go; exec \"$@\"", "sh"]);
    command.args([
        "bwrap",
        "--unshare-user",
        "--dev-bind",
        "/",
        "/",
        "--cap-drop",
        "ALL",
    ]);
    command.arg(&trial.inside).arg(&trial.name);
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut sandbox = Killed(lab.spawn(&mut command)?);
    let mut stdin = sandbox.0.stdin.take().ok_or("no standard input")?;
    let mut stdout = BufReader::new(sandbox.0.stdout.take().ok_or("no standard output")?);
    let mut line = String::new();
    stdout.read_line(&mut line)?;
    if line != "ready\n" {
        return Err(format!("the namespace was not made: {line:?}").into());
    }
    let pid = sandbox.0.id().to_string();
    let mut command = lab.command(match helper {
        Helper::Pasta => "pasta",
        Helper::Slirp => "slirp4netns",
    });
    match helper {
        Helper::Pasta => command.args([
            "--foreground",
            "--quiet",
            "--config-net",
            "-t",
            "none",
            "-u",
            "none",
            "-T",
            "none",
            "-U",
            "none",
            "--no-map-gw",
            &pid,
        ]),
        Helper::Slirp => command.args(["--configure", "--enable-ipv6", "--mtu=1500", &pid, "tap0"]),
    };
    // pasta does not start where SIGPIPE is ignored, as it is in Rust programs.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let helper = Killed(lab.spawn(&mut command)?);
    let route = format!("/proc/{pid}/net/route");
    until(
        "a default route of the helper's",
        Duration::from_secs(5),
        || {
            let routes = std::fs::read_to_string(&route).ok()?;
            routes.lines().nth(1).map(drop)
        },
    );
    writeln!(stdin, "go")?;
    stdin.write_all(&serde_json::to_vec(&lab.bait)?)?;
    drop(stdin);
    let mut line = String::new();
    stdout.read_line(&mut line)?;
    drop(helper);
    serde_json::from_str(&line).map_err(|error| format!("not a report: {error}: {line}").into())
}
