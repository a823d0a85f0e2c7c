//! What a whole start costs (PERF-01, PERF-03, PERF-04): the release build of claudebox beside bare bwrap with the very
//! same mounts and flags, taken from the plan that claudebox would run, in alternation.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench is effects, and prints its result"
)]

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use benches::bare::{Bare, LINE, boxed};
use benches::clock::{alternate, millis, ratio};

/// Runs of each.
const RUNS: usize = 150;

/// Runs of each in a large project.
const FEWER_RUNS: usize = 30;

const TRUE: [&str; 1] = ["/usr/bin/true"];

fn main() {
    benches::caller::run(measure);
}

fn measure(claudebox: &Path) {
    let bare = Bare::of(claudebox, &TRUE);
    let line = || boxed(claudebox, &TRUE);
    let part = |arguments: &'static [&'static str]| {
        move || {
            let mut command = Command::new(claudebox);
            command.args(arguments);
            command
        }
    };
    let bare_start = || bare.command();
    let version = part(&["--version"]);
    let plan = part(&["plan", "--cmd", "true"]);
    let runs: [(&str, &dyn Fn() -> Command); 4] = [
        ("claudebox exec --network none -y -- true", &line),
        ("bare bwrap, same mounts and flags", &bare_start),
        ("claudebox plan (facts, resolve, plan)", &plan),
        ("claudebox --version (process start)", &version),
    ];
    let medians = alternate(RUNS, &runs);
    println!("\nwhole processes, median of {RUNS} in alternation:");
    for ((name, _), median) in runs.iter().zip(&medians) {
        println!("  {:>8.3} ms  {name}", millis(*median));
    }
    println!(
        "HARD     claudebox - bare bwrap = {:.2} ms",
        millis(medians[0]) - millis(medians[1])
    );
    println!(
        "PERF-01  claudebox / bare bwrap = {:.2}   (aim: at most 1.50)",
        ratio(medians[0], medians[1])
    );
    waiting(claudebox);
    project_size(claudebox);
}

/// PERF-04: what the launcher holds and burns while it waits.
fn waiting(claudebox: &Path) {
    let mut command = Command::new(claudebox);
    command.args([
        "exec",
        "--network",
        "none",
        "-y",
        "--",
        "sh",
        "-c",
        "echo ready; exec sleep 5",
    ]);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut stdout = child.stdout.take().expect("it is piped");
    std::io::Read::read_exact(&mut stdout, &mut [0; 6]).expect("the command says that it is ready");
    let about = |pid: u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let field = |name: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or("?")
                .trim()
                .to_owned()
        };
        format!(
            "RSS {}, of which anonymous {}, threads {}",
            field("VmRSS:"),
            field("RssAnon:"),
            field("Threads:")
        )
    };
    let ticks = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
        let fields: Vec<String> = stat
            .rsplit(") ")
            .next()
            .unwrap_or_default()
            .split(' ')
            .map(str::to_owned)
            .collect();
        [11, 12]
            .iter()
            .filter_map(|index| fields.get(*index)?.parse::<u64>().ok())
            .sum::<u64>()
    };
    let before = ticks();
    std::thread::sleep(Duration::from_secs(2));
    println!(
        "PERF-04  the waiting launcher: {}; {} clock ticks in 2 s   (aim: at most 8 MiB, 0)",
        about(child.id()),
        ticks() - before
    );
    let children =
        fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap_or_default();
    for pid in children
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
    {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        println!("         its child {}: {}", name.trim(), about(pid));
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// PERF-03: launch cost against the size of the project.
fn project_size(claudebox: &Path) {
    let project = std::env::current_dir().expect("a working folder");
    let fill = |name: &str, count: u32| {
        let folder = project.parent().expect("a parent").join(name);
        for number in 0..count {
            let sub = folder.join(format!("{}", number / 1000));
            if number % 1000 == 0 {
                fs::create_dir_all(&sub).expect("making a folder");
            }
            File::create(sub.join(format!("{number}"))).expect("making a file");
        }
        folder
    };
    let (small, large) = (fill("small", 10), fill("large", 1_000_000));
    let start = |folder: &Path, scan: &str| {
        let mut command = Command::new(claudebox);
        command
            .args(["exec", "--scan", scan])
            .args(&LINE[1..])
            .args(TRUE);
        command.current_dir(folder);
        command
    };
    let of_small = || start(&small, "quick");
    let of_large = || start(&large, "quick");
    let without_end = || start(&large, "off");
    let runs: [(&str, &dyn Fn() -> Command); 3] = [
        ("10 files", &of_small),
        ("1,000,000 files", &of_large),
        ("1,000,000 files, --scan off", &without_end),
    ];
    let medians = alternate(FEWER_RUNS, &runs);
    for ((name, _), median) in runs.iter().zip(&medians) {
        println!(
            "PERF-03  {:>8.3} ms  {:.2}  {name}",
            millis(*median),
            ratio(*median, medians[0])
        );
    }
    println!(
        "         (aim: at most 1.10; what is more is the look for secrets and the look at the end)"
    );
}
