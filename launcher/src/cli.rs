//! Owns the command line: what was typed, and nothing about what it means.
//!
//! No environment, no disk: those are read by `facts` and joined with this in `config`.

mod kept;
mod shared;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args as ClapArgs, CommandFactory, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

pub use self::kept::{GcArgs, ListArgs, ResetArgs};
pub use self::shared::{EndArgs, Scan, SharedArgs};

/// Run Claude Code inside a bubblewrap sandbox in which no secret of the host is reachable.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "claudebox",
    version,
    about,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    max_term_width = 80,
    after_help = EXAMPLES,
)]
pub struct Args {
    /// What to do; without it, `run`.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The flags of `run`, for a bare `claudebox`.
    #[command(flatten)]
    pub run: RunArgs,
}

/// The examples of `--help`. Each line that starts with `$` is run by a test.
const EXAMPLES: &str = "\
Examples:
  $ claudebox run                         work in this project
  $ claudebox run --network none          the same without any network
  $ claudebox run -- -p 'fix the tests'   what follows -- goes to Claude Code
  $ claudebox run -- --continue           the conversation that was here before
  $ claudebox exec -y -- make test        any command, in the very same sandbox
  $ claudebox plan                        show what would enter, start nothing
  $ claudebox instances                   what is kept, of which project
  $ claudebox check                       can it run here; if not, what helps
  $ claudebox verify                      attack this very sandbox; does it hold

Exit status: that of the agent; 125 claudebox refused or failed, 126 found but
not executable, 127 not found, 128+N ended by signal N.";

/// The subcommands.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Start Claude Code in the current project, permission prompts off
    Run(RunArgs),
    /// Open bash in the very same sandbox
    Shell(ShellArgs),
    /// Run any command in the very same sandbox
    Exec(ExecArgs),
    /// Show what `run` would do, and run nothing
    Plan(PlanArgs),
    /// Tell whether the sandbox can run here, and what helps if not
    Check(CheckArgs),
    /// Attack the sandbox of this project harmlessly, and say of each guard whether it holds
    Verify(Box<VerifyArgs>),
    /// Approve the project's .claudebox.json and .claudebox.env in their present content
    Trust(TrustArgs),
    /// List what is kept of each project: root, size, last use, and whether a session runs
    Instances(ListArgs),
    /// Remove what is kept of this project: conversations, history, settings of its agent
    Reset(ResetArgs),
    /// Remove what is kept of projects whose folder is gone
    Gc(GcArgs),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff)
    Man,
    /// The second stage, PID 1 inside; never typed by a person
    #[command(hide = true)]
    Init,
}

/// `run`.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct RunArgs {
    #[command(flatten)]
    pub(crate) start: StartArgs,

    /// Claude Code's executable [default: found on PATH, then in the usual install places]
    #[arg(long, value_name = "PATH")]
    pub agent: Option<PathBuf>,

    /// Start this command in place of Claude Code
    #[arg(long, value_name = "CMD", conflicts_with = "agent")]
    pub cmd: Option<OsString>,

    /// Arguments for the agent
    #[arg(last = true, value_name = "ARGS")]
    pub arguments: Vec<OsString>,
}

impl RunArgs {
    fn target(self) -> Target {
        Target::Agent {
            path: self.agent,
            command: self.cmd,
            arguments: self.arguments,
        }
    }
}

/// `shell`.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct ShellArgs {
    #[command(flatten)]
    pub(crate) start: StartArgs,
}

/// `exec`.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct ExecArgs {
    #[command(flatten)]
    pub(crate) start: StartArgs,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

/// `plan`.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct PlanArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,

    /// Print the plan as JSON, versioned and stable
    #[arg(long)]
    pub json: bool,

    /// Add who decided each item and why (JSON always has it)
    #[arg(long)]
    pub explain: bool,
}

/// `check`.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct CheckArgs {
    /// The tier to check for [default: the one that `run` would use]
    #[arg(long, value_name = "TIER", value_enum)]
    pub network: Option<Tier>,

    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
}

/// `verify`.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct VerifyArgs {
    #[command(flatten)]
    pub shared: SharedArgs,

    /// Print the verdicts as JSON, versioned and stable
    #[arg(long)]
    pub json: bool,
}

/// `trust`.
#[derive(Debug, Clone, Default, ClapArgs)]
#[group(multiple = false)]
pub struct TrustArgs {
    /// Show what these files say, and what changed since they were approved; approve nothing
    #[arg(long)]
    pub diff: bool,

    /// Take back what was approved in this project, or in the one named
    #[arg(long, value_name = "PROJECT", num_args = 0..=1, require_equals = true)]
    pub revoke: Option<Option<OsString>>,

    /// List what was approved, in every project
    #[arg(long)]
    pub list: bool,
}

/// What every command that starts something inside takes.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct StartArgs {
    /// Start without asking; the audit is printed all the same
    #[arg(short, long)]
    pub(crate) yes: bool,

    /// Print the plan and run nothing (as `claudebox plan`)
    #[arg(long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) shared: SharedArgs,

    #[command(flatten)]
    pub(crate) end: EndArgs,
}

/// How much of the network is reachable inside.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Only a loopback of its own
    None,
    /// The internet, and nothing else of the network
    Inet,
    /// The host's network
    Full,
}

impl Tier {
    /// The word on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Tier::None => "none",
            Tier::Inet => "inet",
            Tier::Full => "full",
        }
    }

    /// The tier of that exact name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Tier::None, Tier::Inet, Tier::Full]
            .into_iter()
            .find(|tier| tier.name() == name)
    }
}

/// What the person wants to happen, taken out of [`Args`].
#[derive(Debug, Clone)]
pub enum Wish {
    /// Enter the sandbox, or only show the plan.
    Enter(Box<Entry>),
    /// `check`
    Check(CheckArgs),
    /// `verify`
    Verify(Box<VerifyArgs>),
    /// `trust`
    Trust(TrustArgs),
    /// `instances`
    Instances(ListArgs),
    /// `reset`
    Reset(ResetArgs),
    /// `gc`
    Gc(GcArgs),
    /// `completions`
    Completions(clap_complete::Shell),
    /// `man`
    Man,
    /// The second stage.
    Init,
}

/// One way into the sandbox. `run`, `shell` and `exec` differ in `target` alone (RUN-02).
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// Whether to start without asking.
    pub yes: bool,
    /// The flags that all of them take.
    pub shared: SharedArgs,
    /// What is said when the session is over.
    pub end: EndArgs,
    /// What to start.
    pub target: Target,
    /// Whether to start it, or to print the plan, and how.
    pub mode: Mode,
}

/// What to start inside.
#[derive(Debug, Clone)]
pub enum Target {
    /// The agent, with arguments.
    Agent {
        path: Option<PathBuf>,
        command: Option<OsString>,
        arguments: Vec<OsString>,
    },
    /// An interactive bash.
    Shell,
    /// Any command.
    Exec(Vec<OsString>),
}

impl Default for Target {
    fn default() -> Self {
        Target::Agent {
            path: None,
            command: None,
            arguments: Vec::new(),
        }
    }
}

/// Start, or print.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Show the audit, ask, start.
    #[default]
    Start,
    /// Print the plan as a person reads it.
    Plan { explain: bool },
    /// Print the plan as JSON.
    PlanJson,
}

impl Args {
    /// A bare word in the place of a subcommand, and the subcommand that was probably meant.
    #[must_use]
    pub fn nearest_command(error: &clap::Error) -> Option<(String, String)> {
        use clap::error::{ContextKind, ContextValue, ErrorKind};
        let ContextValue::String(word) = error.get(ContextKind::InvalidArg)? else {
            return None;
        };
        let command = Args::command();
        let names: Vec<&str> = command
            .get_subcommands()
            .filter(|one| !one.is_hide_set())
            .map(|one| one.get_name())
            .collect();
        let bare = error.kind() == ErrorKind::UnknownArgument && !word.starts_with('-');
        let near = crate::hint::nearest(word, names).filter(|_| bare)?;
        Some((word.clone(), near.to_owned()))
    }

    /// What the person wants.
    #[must_use]
    pub fn wish(self) -> Wish {
        let enter = |start: StartArgs, target: Target, mode: Option<Mode>| {
            let typed = if start.dry_run {
                Mode::Plan { explain: false }
            } else {
                Mode::Start
            };
            Wish::Enter(Box::new(Entry {
                yes: start.yes,
                shared: start.shared,
                end: start.end,
                target,
                mode: mode.unwrap_or(typed),
            }))
        };
        match self.command {
            None => enter(self.run.start.clone(), self.run.target(), None),
            Some(Command::Run(args)) => enter(args.start.clone(), args.target(), None),
            Some(Command::Shell(args)) => enter(args.start, Target::Shell, None),
            Some(Command::Exec(args)) => enter(args.start, Target::Exec(args.command), None),
            Some(Command::Plan(PlanArgs { run, json, explain })) => {
                let mode = if json {
                    Mode::PlanJson
                } else {
                    Mode::Plan { explain }
                };
                enter(run.start.clone(), run.target(), Some(mode))
            }
            Some(Command::Check(args)) => Wish::Check(args),
            Some(Command::Verify(args)) => Wish::Verify(args),
            Some(Command::Trust(args)) => Wish::Trust(args),
            Some(Command::Instances(args)) => Wish::Instances(args),
            Some(Command::Reset(args)) => Wish::Reset(args),
            Some(Command::Gc(args)) => Wish::Gc(args),
            Some(Command::Completions { shell }) => Wish::Completions(shell),
            Some(Command::Man) => Wish::Man,
            Some(Command::Init) => Wish::Init,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn bare_is_run() {
        let bare = Args::parse_from(["claudebox", "-y", "--network", "none", "--", "-p", "hi"]);
        let Wish::Enter(entry) = bare.wish() else {
            panic!("bare is not run")
        };
        assert!(entry.yes);
        assert_eq!(entry.shared.network, Some(Tier::None));
        assert!(
            matches!(entry.target, Target::Agent { arguments, .. } if arguments == ["-p", "hi"])
        );
    }
}
