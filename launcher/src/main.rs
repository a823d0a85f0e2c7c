//! Parse, resolve, plan, launch, exit.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use claudebox::approve;
use claudebox::audit::{self, Look};
use claudebox::check;
use claudebox::cli::{Args, CheckArgs, Entry, Mode, TrustArgs, VerifyArgs, Wish};
use claudebox::config::{self, Config, ConfigError, ProjectFile, Standing};
use claudebox::facts::{Facts, Parts, Query};
use claudebox::hint::Hint;
use claudebox::launch::{self, Pins, companion, held};
use claudebox::plan::Plan;
use claudebox::text::{Text, escape};
use claudebox::trust::{self, Trust};
use claudebox::{init, instance, outer, store};

/// claudebox refused or failed.
const REFUSED: u8 = 125;

/// What helps where nothing is known to.
const REPORT: &str =
    "claudebox check tells what of this host is in the way; else please report this";

fn main() -> ExitCode {
    // A stage is entered with nothing but its word and reads no other argument, but for what waits to become bwrap.
    match std::env::args_os()
        .nth(1)
        .as_deref()
        .and_then(OsStr::to_str)
    {
        Some("init") => return ExitCode::from(init::run()),
        Some("outer") => return ExitCode::from(outer::make::run()),
        Some("join") => return ExitCode::from(outer::join::run()),
        Some(held::WORD) => return ExitCode::from(held::run()),
        Some(held::TIDY) => return ExitCode::from(held::tidy()),
        _ => {}
    }
    let status = match run() {
        Ok(status) => status,
        Err(failure) => failure.tell(),
    };
    ExitCode::from(status)
}

fn run() -> Result<u8, Failure> {
    launch::close_inherited().map_err(|error| {
        Failure::io("list /proc/self/fd", &error, "mount /proc, then try again")
    })?;
    let args = Args::try_parse().map_err(|error| Failure::usage(&error))?;
    match args.wish() {
        Wish::Enter(entry) => enter(&entry),
        Wish::Check(args) => check(&args),
        Wish::Verify(args) => verify(&args),
        Wish::Trust(args) => trust(&args),
        Wish::Instances(args) => list(&here()?, false, args.json, instance::all),
        Wish::Gc(args) => list(&here()?, true, args.json, |home| {
            instance::collect(home, args.dry_run)
        }),
        Wish::Reset(args) => reset(args.yes),
        Wish::Completions(shell) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "claudebox", &mut script);
            print(&String::from_utf8_lossy(&script))
        }
        Wish::Man => man(),
        Wish::Init => Ok(init::run()),
    }
}

/// `run`, `shell`, `exec`, `plan`: one way, one plan.
fn enter(entry: &Entry) -> Result<u8, Failure> {
    let read = || Facts::read(&Query::of(entry)).map_err(|error| Failure::of(&error, REFUSED));
    let mut facts = read()?;
    // Read anew: what was approved counts, and nothing that came after.
    if matches!(entry.mode, Mode::Start) && !entry.yes && can_ask(&facts) && approved_now(&facts)? {
        facts = read()?;
    }
    let config = Config::resolve(entry, &facts).map_err(|error| Failure::of(&error, REFUSED))?;
    facts.look_up(&config.openings.names());
    let facts = facts;
    let plan = Plan::new(&config, &facts).map_err(|error| Failure::of(&error, error.status()))?;
    match entry.mode {
        Mode::PlanJson => {
            let json = serde_json::to_string_pretty(&plan).map_err(|error| Failure::new(&error))?;
            return print(&(json + "\n"));
        }
        Mode::Plan { explain } => {
            let look = Look {
                wrap: io::stdout().is_terminal(),
                explain,
            };
            return print(&audit::render(&plan, look));
        }
        Mode::Start => {}
    }
    let look = Look {
        wrap: facts.stdio[2].is_terminal(),
        explain: false,
    };
    // Held before the audit: what is mounted is what was shown, however long the answer takes.
    let pins = Pins::hold(&plan).map_err(|error| Failure::of(&error, error.status()))?;
    let place = config
        .report
        .as_ref()
        .map(|file| store::Place::hold(&file.folder, &file.name))
        .transpose()
        .map_err(|error| unwritten(&config, &error))?;
    tell(&audit::render(&plan, look));
    if !entry.yes {
        ask(&facts)?;
    }
    let (ended, report) = launch::launch_reported(&plan, &facts, &pins, config.scan);
    let status = match ended {
        Ok(outcome) => outcome.status,
        Err(error) => Failure::of(&error, error.status()).tell(),
    };
    tell(&report.render(look.wrap));
    if let Some(place) = place {
        let written = report
            .to_json()
            .map_err(io::Error::other)
            .and_then(|json| place.put(json.as_bytes()));
        if let Err(error) = written {
            unwritten(&config, &error).tell();
        }
    }
    Ok(status)
}

/// The report that was asked for is not there. The session is what it is.
fn unwritten(config: &Config, error: &io::Error) -> Failure {
    let at = config.report.as_ref();
    let at = at.map_or_else(Text::default, |file| file.folder.join(file.name.path()));
    let hint = "name a file that is yours, in a folder that you can write";
    Failure::io(&format!("write the report to {at}"), error, hint)
}

/// Writes to standard error at once, with colours where they are seen. Where nobody listens any more, nothing is lost.
fn tell(text: &str) {
    let stderr = io::stderr();
    let mut stream = anstream::AutoStream::new(Vec::new(), anstream::AutoStream::choice(&stderr));
    let _ = stream.write_all(text.as_bytes());
    let _ = stderr.lock().write_all(&stream.into_inner());
}

fn can_ask(facts: &Facts) -> bool {
    facts.stdio[0].is_terminal() && facts.stdio[2].is_terminal()
}

fn no_terminal(hint: &str) -> Failure {
    Failure::plain("there is no terminal to ask on", hint, REFUSED)
}

/// AUD-C.
fn ask(facts: &Facts) -> Result<(), Failure> {
    if !can_ask(facts) {
        return Err(no_terminal("pass --yes to start without the question"));
    }
    if asked("\nProceed? [Y/n] ", true)? {
        return Ok(());
    }
    let hint = "claudebox plan --explain tells who decided each item, and why";
    Err(Failure::plain("nothing was started", hint, REFUSED))
}

/// The answer to `question`, which is asked until there is one. The end of the input is no.
fn asked(question: &str, usual: bool) -> Result<bool, Failure> {
    let mut stderr = anstream::stderr();
    loop {
        let _ = write!(stderr, "{question}").and_then(|()| stderr.flush());
        let mut answer = String::new();
        let read = io::stdin()
            .lock()
            .read_line(&mut answer)
            .map_err(|error| Failure::new(&error))?;
        match answer.trim().to_lowercase().as_str() {
            "" if read > 0 => return Ok(usual),
            "y" | "yes" => return Ok(true),
            "" | "n" | "no" => return Ok(false),
            _ => {}
        }
    }
}

fn check(args: &CheckArgs) -> Result<u8, Failure> {
    let facts = Facts::read(&Query {
        is_agent: true,
        ..Query::default()
    });
    let facts = facts.map_err(|error| Failure::of(&error, REFUSED))?;
    let report = check::examine(
        &facts,
        &Parts::read(&facts.user, &facts.environment),
        args.network,
        |plan, facts| launch::launch(plan, facts).map(drop),
    );
    let text = if args.json {
        serde_json::to_string_pretty(&report).map_err(|error| Failure::new(&error))? + "\n"
    } else {
        report.render(io::stdout().is_terminal())
    };
    print(&text)?;
    Ok(if report.can_run { 0 } else { REFUSED })
}

/// Hands over to the companion, which ends as `verify` does: nothing of an attack is in this program.
fn verify(args: &VerifyArgs) -> Result<u8, Failure> {
    let facts = Facts::read(&Query::default()).map_err(|error| Failure::of(&error, REFUSED))?;
    Err(Failure::of(&companion::hand_over(&facts, args), REFUSED))
}

/// The caller and where they stand.
fn here() -> Result<Facts, Failure> {
    let query = Query {
        other_tier: true,
        ..Query::default()
    };
    Facts::read(&query).map_err(|error| Failure::of(&error, REFUSED))
}

/// `instances` and `gc`.
fn list(
    facts: &Facts,
    gc: bool,
    json: bool,
    of: impl Fn(&Text) -> Result<Vec<instance::Instance>, instance::InstanceError>,
) -> Result<u8, Failure> {
    let instances = of(&facts.files.folder).map_err(|error| Failure::of(&error, REFUSED))?;
    if json {
        let json = instance::to_json(&instances).map_err(|error| Failure::new(&error))?;
        return print(&json);
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    print(&instance::render(
        &instances,
        gc,
        now,
        io::stdout().is_terminal(),
    ))
}

/// Removes what is kept of this project.
fn reset(yes: bool) -> Result<u8, Failure> {
    let facts = here()?;
    let keep = instance::Keep::of(&facts);
    if !yes {
        let question = format!(
            "\nThis removes the conversations, the history and the settings of {}'s agent.\nRemove? [y/N] ",
            keep.root
        );
        if !can_ask(&facts) {
            return Err(no_terminal("pass --yes to go on without the question"));
        }
        if !asked(&question, false)? {
            let hint = "claudebox instances lists what is kept";
            return Err(Failure::plain("nothing was removed", hint, REFUSED));
        }
    }
    let removed = instance::reset(&keep).map_err(|error| Failure::of(&error, REFUSED))?;
    print(&if removed {
        format!("removed what was kept of {}\n", keep.root)
    } else {
        format!("nothing is kept of {}\n", keep.root)
    })
}

/// Shows what of the project's own files is new or changed, and asks for each apart (TRUST-A). Whether one was approved.
fn approved_now(facts: &Facts) -> Result<bool, Failure> {
    let files = config::project_files(facts).map_err(|error| Failure::of(&error, REFUSED))?;
    let mut approved = Vec::new();
    for file in files
        .iter()
        .filter(|file| file.standing != Standing::Approved)
    {
        tell(&approve::render(&[file], facts.stdio[2].is_terminal()));
        let question = format!("\nApprove {} as it is? [y/N] ", file.path);
        if asked(&question, false)? {
            approved.push(file);
        }
    }
    if approved.is_empty() {
        return Ok(false);
    }
    remember(facts, &approved)?;
    Ok(true)
}

/// Approves the project's own files as they are now, or tells of them.
fn trust(args: &TrustArgs) -> Result<u8, Failure> {
    let failed = |error: ConfigError| Failure::of(&error, REFUSED);
    let facts = Facts::read(&Query::default()).map_err(|error| Failure::of(&error, REFUSED))?;
    if args.list {
        let trust = config::trust(&facts).map_err(failed)?;
        return print(&approve::list(&trust));
    }
    if let Some(project) = &args.revoke {
        let root = match project {
            Some(root) => root.clone().into(),
            None => facts.project.root.clone(),
        };
        let files = change_trust(&facts, |trust| trust.revoke(&root))?;
        return print(&approve::revoked(&root, &files));
    }
    let files = config::project_files(&facts).map_err(failed)?;
    let root = &facts.project.root;
    if files.is_empty() {
        let (profile, env) = (root.join(trust::PROFILE), root.join(trust::ENV_FILE));
        return Err(failed(ConfigError::NoProjectFile { profile, env }));
    }
    let all: Vec<&ProjectFile> = files.iter().collect();
    let mut text = approve::render(&all, io::stdout().is_terminal());
    if !args.diff {
        remember(&facts, &all)?;
        text += &approve::approved(&all);
    }
    print(&text)
}

/// Approves `files`, beside what others approve meanwhile.
fn remember(facts: &Facts, files: &[&ProjectFile]) -> Result<(), Failure> {
    change_trust(facts, |trust| {
        files.iter().for_each(|file| file.approve(trust));
    })
}

/// Changes what was approved, as it stands now and not as it was read.
fn change_trust<T>(facts: &Facts, change: impl FnOnce(&mut Trust) -> T) -> Result<T, Failure> {
    let folder = &facts.files.folder;
    let changed = store::update(
        folder,
        "trust.json",
        trust::LIMIT,
        |json| match Trust::read(json.as_deref()) {
            Ok(mut trust) => {
                let gives = change(&mut trust);
                (Some(trust.to_json().into_bytes()), Ok(gives))
            }
            Err(error) => (None, Err(error)),
        },
    );
    let hint = "make it writable for you; claudebox trust --list shows what it holds";
    match changed {
        Ok(Ok(gives)) => Ok(gives),
        Ok(Err(error)) => {
            let (path, why) = (folder.join("trust.json"), error.to_string());
            Err(Failure::of(&ConfigError::Trust { path, why }, REFUSED))
        }
        Err(error) => Err(Failure::io(
            &format!("write {folder}/trust.json"),
            &error,
            hint,
        )),
    }
}

fn man() -> Result<u8, Failure> {
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(Args::command()).render(&mut page);
    rendered.map_err(|error| Failure::new(&error))?;
    print(&String::from_utf8_lossy(&page))
}

/// Prints to stdout; a reader that went away is no failure.
fn print(text: &str) -> Result<u8, Failure> {
    match anstream::stdout().write_all(text.as_bytes()) {
        Ok(()) => Ok(0),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
        Err(error) => Err(Failure::io(
            "write to standard output",
            &error,
            "make room where the output goes",
        )),
    }
}

/// What went wrong, told once: the chain, then what helps.
struct Failure {
    text: String,
    status: u8,
}

impl Failure {
    fn of(error: &dyn Hint, status: u8) -> Self {
        let mut chain = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            chain += &format!(": {cause}");
            source = cause.source();
        }
        let hint = error.hint().unwrap_or_else(|| REPORT.into());
        Self::plain(&chain, &hint, status)
    }

    /// What should not happen.
    fn new(error: &dyn std::error::Error) -> Self {
        Self::plain(&error.to_string(), REPORT, REFUSED)
    }

    fn io(what: &str, error: &io::Error, hint: &str) -> Self {
        Self::plain(&format!("cannot {what}: {error}"), hint, REFUSED)
    }

    fn plain(what: &str, hint: &str, status: u8) -> Self {
        Self {
            text: format!("claudebox: {what}\nhint: {hint}\n"),
            status,
        }
    }

    /// clap's own text: help and version go to stdout with 0, a wrong argument to stderr with a hint.
    fn usage(error: &clap::Error) -> Self {
        if !error.use_stderr() {
            let _ = print(&error.render().ansi().to_string());
            return Self {
                text: String::new(),
                status: 0,
            };
        }
        if let Some((word, near)) = Args::nearest_command(error) {
            let what = format!(
                "`{}` is no command; arguments of the agent come after `--`",
                escape(word.as_ref())
            );
            return Self::plain(
                &what,
                &format!("did you mean `{near}`? (claudebox {near})"),
                REFUSED,
            );
        }
        // What was typed stands in it: escaped, line by line, and so without clap's colours.
        let text = error
            .render()
            .to_string()
            .replace("\n\nFor more information, try ", "\nhint: for more, try ");
        let lines = text
            .lines()
            .map(|line| escape(line.trim_end().as_ref()).replace("\\x20", " ") + "\n");
        Self {
            text: lines.collect(),
            status: REFUSED,
        }
    }

    fn tell(&self) -> u8 {
        tell(&self.text);
        self.status
    }
}
