//! Owns the trial: a process of the caller's that shows what it can reach, and then becomes the launcher.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use claudebox::facts::Facts;
use claudebox::guard::Guard;
use claudebox::launch;
use claudebox::plan::Plan;
use nix::libc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::bait::{Bait, KEY, PROOF};
use super::{breaking, edited, inside};
use crate::probe::{Act, Probe, Then};
use crate::probes;

/// The exit status of a trial that could not be made.
pub const NO_TRIAL: u8 = 97;

/// The number of the first descriptor that the caller leaves open.
pub const LEFT_OPEN: i32 = 40;

/// How the launcher is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// By the library, under the real plan.
    Holds,
    /// By the library, with the guards of the probe taken away.
    Bites,
    /// By the library, with all of them taken away but this one.
    Alone(Guard),
    /// By its command line.
    CommandLine,
    /// Not at all: the attempt is made outside. For a guard that nothing of a plan can take away.
    Outside,
}

/// What is started inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// The attempt.
    Attempt,
    /// That of the later session of this number in [`Probe::then`].
    Then(usize),
    /// The neighbour of another session.
    Company,
}

/// What a trial is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Spec {
    /// The probe, by its name.
    pub probe: String,
    /// How.
    pub way: Way,
    /// What is started.
    pub role: Role,
    /// Whether the inside half reads the bait from its file, as its standard input is something else.
    pub bait_in_file: bool,
    /// What was planted.
    pub bait: Bait,
    /// The launcher.
    pub launcher: PathBuf,
    /// The inside half.
    pub inside: PathBuf,
}

/// The trial of `spec`. Returns the exit status of the launcher, or why there was no trial.
///
/// # Errors
/// What could not be done.
pub fn run(spec: &Spec) -> Result<u8, String> {
    let probe = probes::ALL.iter().find(|(name, _)| *name == spec.probe);
    let (_, probe) = probe.ok_or_else(|| format!("no probe {}", spec.probe))?;
    run_probe(spec, probe)
}

/// As [`run`], for a probe that need not be listed.
///
/// # Errors
/// What could not be done.
pub fn run_probe(spec: &Spec, probe: &Probe) -> Result<u8, String> {
    let mut options = options(spec);
    options.extend(match spec.role {
        Role::Attempt => (probe.grants)(&spec.bait),
        Role::Company => Vec::new(),
        Role::Then(number) => match probe.then.get(number) {
            Some(Then::Session(session)) => (session.grants)(&spec.bait),
            _ => return Err(format!("{} has no session {number}", spec.probe)),
        },
    });
    run_with(spec, probe, arguments(spec, options))
}

/// As [`run_probe`], with other [`arguments`].
///
/// # Errors
/// What could not be done.
pub fn run_with(spec: &Spec, probe: &Probe, arguments: Vec<OsString>) -> Result<u8, String> {
    // A later session finds what the one before left of the bait.
    if !matches!(spec.role, Role::Then(_)) {
        reach_everything(&spec.bait)?;
    }
    be_careless(&spec.bait)?;
    if spec.way == Way::Outside {
        let (program, arguments) = command(spec);
        let error = Command::new(&program).args(arguments).exec();
        return Err(format!("starting {}: {error}", program.display()));
    }
    if spec.way == Way::CommandLine {
        let error = Command::new(&spec.launcher).args(&arguments[1..]).exec();
        return Err(format!("starting {}: {error}", spec.launcher.display()));
    }
    let gone: Vec<Guard> = match spec.way {
        Way::Holds | Way::CommandLine | Way::Outside => Vec::new(),
        Way::Bites => breaking::with_second_walls(probe.behind_on(spec.bait.tier)),
        Way::Alone(kept) => {
            let others = probe
                .behind_on(spec.bait.tier)
                .filter(|guard| *guard != kept);
            breaking::with_second_walls(others)
                .into_iter()
                .filter(|guard| *guard != kept)
                .collect()
        }
    };
    if !gone.contains(&Guard::DescriptorsClosed) {
        launch::close_inherited().map_err(|error| format!("closing descriptors: {error}"))?;
    }
    let edit = |plan: &mut Plan, facts: &Facts| {
        let whole = plan.clone();
        for guard in &gone {
            let edit = breaking::breaking(*guard).edit(spec.bait.uid);
            let edit =
                edit.map_err(|why| format!("{} cannot be taken away: {why}", guard.name()))?;
            edit(plan, &spec.bait, facts);
        }
        if *plan == whole && matches!(spec.way, Way::Bites | Way::Alone(_)) {
            return Err("taking the guards away left the plan as it was".to_owned());
        }
        if let Some(edit) = probe.edited {
            edit(plan, &spec.bait);
        }
        Ok(())
    };
    let meddle = || match probe.meddle {
        Some(meddle) => meddle(&spec.bait).map_err(|error| format!("meddling: {error}")),
        None => Ok(()),
    };
    edited::launch(arguments, &spec.launcher, edit, meddle)?
        .map_err(|error| format!("the launcher: {}", edited::chain(&error)))
}

/// Shows that all bait is reachable for this process, and leaves it as a careless caller's is: with open descriptors, a key,
/// and core files allowed.
///
/// # Errors
/// What is not reachable, or could not be done.
pub fn prepare(bait: &Bait) -> Result<(), String> {
    reach_everything(bait)?;
    be_careless(bait)
}

/// The inside half and its arguments.
fn command(spec: &Spec) -> (PathBuf, Vec<OsString>) {
    let mut arguments: Vec<OsString> = match spec.role {
        Role::Attempt => vec![spec.probe.clone().into()],
        Role::Then(number) => vec![inside::name_of_then(&spec.probe, number).into()],
        // The mark in its arguments is what a process listing would show of it.
        Role::Company => vec!["--neighbour".into(), spec.bait.mark.clone().into()],
    };
    if spec.bait_in_file {
        arguments.push(spec.bait.stdin.clone().into());
    }
    (spec.inside.clone(), arguments)
}

/// The options of every trial: what a plan is made of.
#[must_use]
pub fn options(spec: &Spec) -> Vec<OsString> {
    let bait = &spec.bait;
    let mut options: Vec<OsString> = ["--network", bait.tier.name()].map(Into::into).into();
    options.extend([
        "--hide".into(),
        "*.hidden".into(),
        "--env".into(),
        "PROBE_ASKED_FOR".into(),
        "--mount".into(),
        bait.granted.clone().into(),
    ]);
    if bait.uid == 0 {
        options.push("--allow-root".into());
    }
    if spec.bait_in_file {
        options.extend(["--mount".into(), bait.stdin.clone().into()]);
    }
    // The inside half is shown as whatever a user grants is.
    options.extend(["--mount".into(), spec.inside.clone().into()]);
    options
}

/// The arguments of the launcher, its name first, that start the inside half with these options.
#[must_use]
pub fn arguments(spec: &Spec, options: Vec<OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = ["claudebox", "exec", "--yes"].map(Into::into).into();
    arguments.extend(options);
    let (inside, words) = command(spec);
    arguments.extend(["--".into(), inside.into()]);
    arguments.extend(words);
    arguments
}

/// What a caller has about them when they start a launcher: open descriptors, a session key, core files allowed, and a umask that
/// leaves every file open to everyone.
///
/// # Errors
/// What could not be done.
pub fn be_careless(bait: &Bait) -> Result<(), String> {
    nix::sys::stat::umask(nix::sys::stat::Mode::empty());
    leave_open(bait).map_err(|error| format!("leaving descriptors open: {error}"))?;
    plant_key(bait)?;
    allow_core_files().map_err(|error| format!("allowing core files: {error}"))
}

/// META-05: whatever an attack goes for is there, and this very user reaches it from outside.
///
/// # Errors
/// What is not reachable.
pub fn reach_everything(bait: &Bait) -> Result<(), String> {
    let unreachable = |what: &str, why: &str| {
        Err(format!(
            "the bait is not reachable from outside: {what}: {why}"
        ))
    };
    if bait.secrets.is_empty() || bait.tmp_files.is_empty() || bait.sockets.is_empty() {
        return unreachable("bait", "there is none");
    }
    let marked = bait
        .secrets
        .iter()
        .chain(&bait.other_projects)
        .chain(&bait.tmp_files);
    for path in marked {
        match fs::read(path) {
            Ok(content) if bait.canaries_in(&content) > 0 => {}
            Ok(_) => return unreachable(&path.display().to_string(), "it holds no canary"),
            Err(error) => return unreachable(&path.display().to_string(), &error.to_string()),
        }
    }
    for path in &bait.host_files {
        if let Err(error) = File::open(path) {
            return unreachable(&path.display().to_string(), &error.to_string());
        }
    }
    for path in [
        &bait.granted.join("file"),
        &bait.beside.join("file"),
        &bait.agent,
    ] {
        if let Err(error) = File::options().append(true).open(path) {
            return unreachable(&path.display().to_string(), &error.to_string());
        }
    }
    for (name, value) in &bait.environment {
        if std::env::var_os(name).is_none_or(|there| there.as_bytes() != value.as_bytes()) {
            return unreachable(name, "the variable is not set");
        }
    }
    let mut spoken = vec![("TCP port", inside::converse(tcp(bait), PROOF))];
    spoken.push((
        "abstract socket",
        inside::converse(abstract_socket(bait), PROOF),
    ));
    spoken.extend(
        bait.sockets
            .iter()
            .map(|path| ("socket", inside::knock(path, PROOF))),
    );
    for (what, act) in spoken {
        if act != Act::Reached {
            return unreachable(what, &act.to_string());
        }
    }
    shared_memory(bait).or_else(|act| unreachable("shared memory", &act.to_string()))?;
    if let Err(errno) = kill(Pid::from_raw(bait.neighbour.pid), Signal::SIGURG) {
        return unreachable("the neighbour", errno.desc());
    }
    let end = Instant::now() + Duration::from_secs(2);
    while bait.signals_heard() == 0 {
        if Instant::now() > end {
            return unreachable("the neighbour", "it did not hear a signal");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// The neighbour's TCP port.
///
/// # Errors
/// As connect(2).
pub fn tcp(bait: &Bait) -> io::Result<TcpStream> {
    let address = ([127, 0, 0, 1], bait.neighbour.port).into();
    TcpStream::connect_timeout(&address, Duration::from_secs(2))
}

/// The neighbour's abstract socket.
///
/// # Errors
/// As connect(2).
pub fn abstract_socket(bait: &Bait) -> io::Result<UnixStream> {
    UnixStream::connect_addr(&SocketAddr::from_abstract_name(
        &bait.neighbour.abstract_name,
    )?)
}

/// Reads the mark in the neighbour's shared memory.
///
/// # Errors
/// What stood in the way.
pub fn shared_memory(bait: &Bait) -> Result<(), Act> {
    // SAFETY: a null address lets the kernel choose one.
    let at = unsafe {
        libc::shmat(
            bait.neighbour.shared_memory,
            std::ptr::null(),
            libc::SHM_RDONLY,
        )
    };
    if at.addr() == usize::MAX {
        return Err(Act::of::<()>(Err(io::Error::last_os_error())));
    }
    // SAFETY: the neighbour made it 4096 bytes long; nobody writes to it.
    let content =
        unsafe { std::slice::from_raw_parts(at.cast::<u8>().cast_const(), bait.mark.len()) };
    let marked = content == bait.mark.as_bytes();
    // SAFETY: it was attached above, and `content` is not used any more.
    unsafe { libc::shmdt(at) };
    if marked {
        Ok(())
    } else {
        Err(Act::Broken("it holds something else".into()))
    }
}

/// Descriptors that a careless caller leaves open: a folder, a file, a pipe and sockets of the host, one of which listens and one
/// is connected (PROC-05, NET-05). Nobody owns
/// them: closing them is the launcher's part.
fn leave_open(bait: &Bait) -> io::Result<()> {
    let (_, socket) = UnixDatagram::pair()?;
    let (reader, _) = io::pipe()?;
    let listens = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let connected = TcpStream::connect(listens.local_addr()?)?;
    let opened: [OwnedFd; 6] = [
        File::open(&bait.folder)?.into(),
        File::open(&bait.secrets[0])?.into(),
        socket.into(),
        reader.into(),
        listens.into(),
        connected.into(),
    ];
    for descriptor in opened {
        // The lowest free number from there on, and open across exec.
        nix::fcntl::fcntl(&descriptor, nix::fcntl::FcntlArg::F_DUPFD(LEFT_OPEN))?;
    }
    Ok(())
}

/// A secret in the session keyring, which is this trial's own, so that the one of who runs the tests is left alone.
fn plant_key(bait: &Bait) -> Result<(), String> {
    use keyutils::{Keyring, keytypes::User};
    let failed = |error: keyutils::Error| format!("planting a key: {error}");
    let mut keyring = match Keyring::join_anonymous_session() {
        Ok(keyring) => keyring,
        Err(error) if error.0 == libc::ENOSYS => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    keyring
        .add_key::<User, _, _>(KEY, bait.mark.as_bytes())
        .map_err(failed)?;
    Ok(())
}

/// As a developer has it who looks for a crash.
fn allow_core_files() -> io::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_CORE)?;
    Ok(setrlimit(Resource::RLIMIT_CORE, most, most)?)
}
