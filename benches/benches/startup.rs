//! What a whole start costs (PERF-01, PERF-03, PERF-04): the release build of claudebox beside bare bwrap with the very
//! same mounts and flags, taken from the plan that claudebox would run, in alternation.
//!
//! It prints what it measured and fails only where nothing could be measured: a busy machine is no failure.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench is effects, and prints its result"
)]

use std::fs::{self, File, Permissions};
use std::io::{Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use claudebox::bwrap::{ARGUMENTS, Content, Invocation};
use claudebox::cli::{Args, Wish};
use claudebox::config::Config;
use claudebox::facts::{Facts, Query};
use claudebox::plan::Plan;
use command_fds::{CommandFdExt, FdMapping};
use nix::sys::memfd::{MFdFlags, memfd_create};

/// Runs of each, after [`WARM`] that do not count.
const RUNS: usize = 150;
const WARM: usize = 5;

/// Who starts claudebox where the bench runs as root, which claudebox refuses.
const BOXER: u32 = 6001;

const LINE: [&str; 7] = [
    "claudebox",
    "exec",
    "--network",
    "none",
    "-y",
    "--",
    "/usr/bin/true",
];

fn main() {
    // `cargo bench` and `cargo test --benches` give flags that mean nothing here.
    if std::env::args().any(|argument| argument == "--test" || argument == "--list") {
        return;
    }
    let claudebox = release_build();
    match std::env::var_os("CLAUDEBOX_BENCH_INSIDE") {
        Some(_) => measure(&claudebox),
        None => as_an_ordinary_user(),
    }
}

/// The release build, brought up to date.
fn release_build() -> PathBuf {
    let this = std::env::current_exe().expect("a running program has a path");
    // target/TRIPLE/release/deps/startup-HASH
    let release = this
        .ancestors()
        .nth(2)
        .expect("benches lie two folders deep");
    let claudebox = release.join("claudebox");
    if std::env::var_os("CLAUDEBOX_BENCH_INSIDE").is_none() {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--release", "--quiet", "-p", "claudebox"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .expect("cargo starts");
        assert!(built.success(), "cargo build --release -p claudebox failed");
    }
    assert!(claudebox.is_file(), "no {}", claudebox.display());
    claudebox
}

/// Starts this program once more: in a project of its own, with an environment from empty, and never as root.
fn as_an_ordinary_user() {
    let folder = tempfile::Builder::new()
        .prefix("startup-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .expect("the target folder can be written");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("chmod");
    let home = folder.path().join("home/boxer");
    let project = home.join("src/app");
    fs::create_dir_all(&project).expect("making the project");
    let mut command = Command::new(std::env::current_exe().expect("a running program has a path"));
    command
        .env_clear()
        .env("HOME", &home)
        .env("PATH", "/usr/bin:/bin")
        .env("CLAUDEBOX_BENCH_INSIDE", "1");
    if nix::unistd::geteuid().is_root() {
        for path in [&home, &home.join("src"), &project] {
            chown(path, Some(BOXER), Some(BOXER)).expect("giving a folder away as root");
        }
        command.uid(BOXER).gid(BOXER);
    }
    let status = command
        .current_dir(&project)
        .status()
        .expect("this program starts");
    assert!(status.success(), "the measuring half ended with {status}");
}

fn measure(claudebox: &Path) {
    let bare = Bare::of(claudebox);
    let line = || {
        let mut command = Command::new(claudebox);
        command.args(&LINE[1..]);
        command
    };
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
    let medians = alternate(&runs);
    println!("\nwhole processes, median of {RUNS} in alternation:");
    for ((name, _), median) in runs.iter().zip(&medians) {
        println!("  {:>8.3} ms  {name}", millis(*median));
    }
    println!(
        "PERF-01  claudebox / bare bwrap = {:.2}   (aim: at most 1.50)",
        ratio(medians[0], medians[1])
    );
    waiting(claudebox);
    project_size(claudebox);
}

/// Medians of starts in alternation, so that what the machine does meanwhile meets all of them.
fn alternate(runs: &[(&str, &dyn Fn() -> Command)]) -> Vec<Duration> {
    let mut times = vec![Vec::new(); runs.len()];
    for round in 0..WARM + RUNS {
        for ((name, command), times) in runs.iter().zip(&mut times) {
            let mut command = command();
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let began = Instant::now();
            let status = command
                .status()
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            let took = began.elapsed();
            assert!(status.success(), "{name}: {status}");
            if round >= WARM {
                times.push(took);
            }
        }
    }
    times.into_iter().map(median).collect()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}

/// bwrap as claudebox would start it, with `true` in place of PID 1.
struct Bare {
    invocation: Invocation,
}

impl Bare {
    fn of(claudebox: &Path) -> Self {
        let Wish::Enter(entry) = Args::parse_from(LINE).wish() else {
            unreachable!("exec enters")
        };
        let mut facts = Facts::read(&Query::of(&entry)).expect("facts of this host");
        facts.host.launcher = claudebox.into();
        let config = Config::resolve(&entry, &facts).expect("it resolves");
        let plan = Plan::new(&config, &facts).expect("it is planned");
        Self {
            invocation: Invocation::of(&plan),
        }
    }

    fn command(&self) -> Command {
        let memory = |bytes: &[u8]| -> OwnedFd {
            let mut file =
                File::from(memfd_create("bench", MFdFlags::MFD_CLOEXEC).expect("memfd_create"));
            file.write_all(bytes)
                .and_then(|()| file.rewind())
                .expect("writing to memory");
            file.into()
        };
        let mut mappings = vec![FdMapping {
            parent_fd: memory(&self.invocation.hidden_arguments),
            child_fd: ARGUMENTS,
        }];
        for (number, content) in &self.invocation.contents {
            let parent_fd = match content {
                Content::Bytes(bytes) => memory(bytes.as_encoded_bytes()),
                Content::Open(path) => File::open(path.path()).expect("opening").into(),
            };
            mappings.push(FdMapping {
                parent_fd,
                child_fd: *number,
            });
        }
        let mut command = Command::new(self.invocation.program.path());
        command
            .env_clear()
            .args(["--args", &ARGUMENTS.to_string(), "--", "/usr/bin/true"]);
        command.fd_mappings(mappings).expect("no number twice");
        command
    }
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
    let (small, large) = (fill("small", 10), fill("large", 100_000));
    let start = |folder: &Path| {
        let mut command = Command::new(claudebox);
        command.args(&LINE[1..]).current_dir(folder);
        command
    };
    let (of_small, of_large) = (|| start(&small), || start(&large));
    let medians = alternate(&[("10 files", &of_small), ("100,000 files", &of_large)]);
    println!(
        "PERF-03  10 files {:.3} ms, 100,000 files {:.3} ms, ratio {:.2}   (aim: at most 1.10)",
        millis(medians[0]),
        millis(medians[1]),
        ratio(medians[1], medians[0])
    );
}
