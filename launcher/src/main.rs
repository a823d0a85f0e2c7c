//! Parse, resolve, plan, launch, exit.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use claudebox::audit::{self, Look};
use claudebox::check;
use claudebox::cli::{Args, CheckArgs, Entry, Mode, VerifyArgs, Wish};
use claudebox::config::{self, Config, PROJECT_ENV};
use claudebox::facts::{Facts, Parts, Query};
use claudebox::hint::Hint;
use claudebox::launch::{self, Pins, companion, held};
use claudebox::plan::Plan;
use claudebox::text::{Text, escape};
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
        Wish::Trust => trust(),
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
    let mut facts = Facts::read(&Query::of(entry)).map_err(|error| Failure::of(&error, REFUSED))?;
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

/// AUD-C.
fn ask(facts: &Facts) -> Result<(), Failure> {
    question(facts, "", "Proceed? [Y/n] ", true)
}

/// Asks until the answer is yes or no; an empty line is `usual`.
fn question(facts: &Facts, before: &str, words: &str, usual: bool) -> Result<(), Failure> {
    if !facts.stdio[0].is_terminal() || !facts.stdio[2].is_terminal() {
        let what = "there is no terminal to ask on";
        return Err(Failure::plain(
            what,
            if usual {
                "pass --yes to start without the question"
            } else {
                "pass --yes to go on without the question"
            },
            REFUSED,
        ));
    }
    let mut stderr = anstream::stderr();
    loop {
        let _ = write!(stderr, "{before}\n{words}").and_then(|()| stderr.flush());
        let mut answer = String::new();
        let read = io::stdin()
            .lock()
            .read_line(&mut answer)
            .map_err(|error| Failure::new(&error))?;
        match answer.trim().to_lowercase().as_str() {
            "" if read > 0 && usual => return Ok(()),
            "y" | "yes" => return Ok(()),
            "" | "n" | "no" => {
                let (what, hint) = if usual {
                    (
                        "nothing was started",
                        "claudebox plan --explain tells who decided each item, and why",
                    )
                } else {
                    (
                        "nothing was removed",
                        "claudebox instances lists what is kept",
                    )
                };
                return Err(Failure::plain(what, hint, REFUSED));
            }
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
        let what = format!(
            "\nThis removes the conversations, the history and the settings of {}'s agent.",
            keep.root
        );
        question(&facts, &what, "Remove? [y/N] ", false)?;
    }
    let removed = instance::reset(&keep).map_err(|error| Failure::of(&error, REFUSED))?;
    print(&if removed {
        format!("removed what was kept of {}\n", keep.root)
    } else {
        format!("nothing is kept of {}\n", keep.root)
    })
}

/// Approves the project's env file as it is now.
fn trust() -> Result<u8, Failure> {
    let facts = Facts::read(&Query::default()).map_err(|error| Failure::of(&error, REFUSED))?;
    let (trust, names) =
        config::approve_project_env(&facts).map_err(|error| Failure::of(&error, REFUSED))?;
    let folder = &facts.files.folder;
    store::write(folder, "trust.json", trust.to_json().as_bytes()).map_err(|error| {
        Failure::io(
            &format!("write {folder}/trust.json"),
            &error,
            "make it writable for you",
        )
    })?;
    let names = names
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    print(&format!(
        "approved {}, which sets {names}\n",
        facts.project.root.join(PROJECT_ENV)
    ))
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
