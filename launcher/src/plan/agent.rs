//! Owns showing the agent: just what it needs, read-only, at a place none of whose parents can be written (RUN-10, ENV-E).

use super::{Action, Command, OWN, PlanError, Steps, etc};
use crate::config::{Config, Start};
use crate::facts::{Facts, PassedOver, ProgramKind};
use crate::guard::Guard;
use crate::place::{self, Secrets};
use crate::text::Text;

/// Where the agent lies inside, if it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    /// The folder for PATH.
    pub(super) folder: Text,
    /// The program.
    pub(super) program: Text,
}

/// Shows PID 1 and the agent. Only `run` insists on an agent.
pub(super) fn add(
    steps: &mut Steps,
    config: &Config,
    facts: &Facts,
) -> Result<Option<Shown>, PlanError> {
    init(steps, config, facts);
    let program = &facts.program;
    let Some(found) = &program.found else {
        return if needs_agent(config) {
            Err(missing(facts))
        } else {
            Ok(None)
        };
    };
    let folder = Text::from(format!("{OWN}/bin"));
    let shown = Shown {
        program: folder.join(program.name.path()),
        folder,
    };
    if steps.shows(&found.real) {
        let link = Action::Link {
            at: shown.program.clone(),
            to: found.real.clone(),
        };
        steps.add(
            Guard::AgentReadOnly,
            link,
            "the agent, where the system has it",
        );
        return Ok(Some(shown));
    }
    refuse_among_secrets(facts, &found.real)?;
    match &found.kind {
        ProgramKind::Binary => {
            let bind = read_only(&found.real, shown.program.clone());
            steps.add(Guard::AgentReadOnly, bind, "the agent's executable");
        }
        ProgramKind::Script {
            package,
            companions,
            interpreter,
        } => {
            match package {
                Some(package) => {
                    package_steps(steps, facts, package, companions, &found.real, &shown)?
                }
                None => {
                    let bind = read_only(&found.real, shown.program.clone());
                    steps.add(Guard::AgentReadOnly, bind, "the agent's script");
                }
            }
            if let Some(interpreter) = interpreter {
                let at = shown.folder.join(interpreter.name.path());
                let action = if steps.shows(&interpreter.real) {
                    Action::Link {
                        at,
                        to: interpreter.real.clone(),
                    }
                } else {
                    read_only(&interpreter.real, at)
                };
                steps.add(Guard::AgentReadOnly, action, "what runs the agent's script");
            }
        }
    }
    Ok(Some(shown))
}

fn read_only(from: &Text, at: Text) -> Action {
    Action::Bind {
        from: from.clone(),
        at,
        writable: false,
    }
}

/// Only `run` of Claude Code insists: another command may be on PATH inside though the host's PATH has none.
fn needs_agent(config: &Config) -> bool {
    matches!(
        config.start,
        Start::Agent {
            is_claude: true,
            ..
        }
    )
}

fn missing(facts: &Facts) -> PlanError {
    let passed_over = &facts.program.passed_over;
    if let Some((path, _)) = passed_over
        .iter()
        .find(|(_, why)| *why == PassedOver::NotExecutable)
    {
        return PlanError::AgentNotExecutable { path: path.clone() };
    }
    let passed_over: Vec<String> = passed_over
        .iter()
        .map(|(path, why)| format!("; {path} was passed over: {why}"))
        .collect();
    let folders = facts
        .program
        .searched
        .iter()
        .filter_map(|place| place.path().parent());
    let folders: Vec<String> = folders
        .map(|folder| Text::from(folder).to_string())
        .collect();
    PlanError::NoAgent {
        name: facts.program.name.clone(),
        searched: format!("{}{}", folders.join(" "), passed_over.concat()),
    }
}

/// Refuses a program among secrets. Claude Code keeps its own npm installation in the folder with its login: what lies
/// below that is its program. In a folder for temporary files, the program alone is shown, not what lies beside it.
fn refuse_among_secrets(facts: &Facts, path: &Text) -> Result<(), PlanError> {
    let local = facts.user.home.join(".claude/local/node_modules");
    if path.path().starts_with(local.path()) {
        return Ok(());
    }
    match Secrets::of(facts).uncovered_by(path.path()) {
        Some(secret) if !place::temporary(&secret.at) => {
            let why = format!("its folder holds {}", secret.what);
            Err(PlanError::Agent {
                path: path.clone(),
                why,
            })
        }
        _ => Ok(()),
    }
}

/// A package of npm, with the packages beside it. Their last folders keep their names: node resolves by them.
fn package_steps(
    steps: &mut Steps,
    facts: &Facts,
    package: &Text,
    companions: &[Text],
    script: &Text,
    shown: &Shown,
) -> Result<(), PlanError> {
    let modules = Text::from(format!("{OWN}/lib/node_modules"));
    let name = |path: &Text| path.path().file_name().unwrap_or_default().to_owned();
    let scope = package
        .path()
        .parent()
        .and_then(|scope| scope.file_name())
        .filter(|scope| *scope != "node_modules");
    let inside = |path: &Text| modules.join(scope.unwrap_or_default()).join(name(path));
    for (path, why) in std::iter::once((package, "the agent's package")).chain(
        companions
            .iter()
            .map(|path| (path, "a package that the agent loads")),
    ) {
        refuse_among_secrets(facts, path)?;
        steps.add(Guard::AgentReadOnly, read_only(path, inside(path)), why);
    }
    let script = script
        .path()
        .strip_prefix(package.path())
        .unwrap_or(script.path());
    let link = Action::Link {
        at: shown.program.clone(),
        to: inside(package).join(script),
    };
    steps.add(Guard::AgentReadOnly, link, "the agent");
    Ok(())
}

/// Shows PID 1. Where something inside could write the launcher's own file, a copy is shown, from an open descriptor.
fn init(steps: &mut Steps, config: &Config, facts: &Facts) {
    let own = facts.host.launcher.clone();
    let at = Text::from(format!("{OWN}/init"));
    let writable = std::iter::once(&facts.project.root)
        .chain(
            config
                .grants
                .iter()
                .filter(|grant| grant.writable)
                .map(|grant| &grant.real),
        )
        .any(|folder| own.path().starts_with(folder.path()));
    let action = if steps.shows(&own) {
        Action::Link { at, to: own }
    } else if writable || own.path().starts_with("/proc") {
        Action::Copy { at, from: own }
    } else {
        Action::Bind {
            from: own,
            at,
            writable: false,
        }
    };
    steps.add(
        Guard::AgentReadOnly,
        action,
        "PID 1: checks, reaps, starts the command",
    );
}

/// The command. `run`, `shell` and `exec` differ in this alone (RUN-02).
pub(super) fn command(config: &Config, facts: &Facts, agent: &Option<Shown>) -> Command {
    match &config.start {
        Start::Shell => Command {
            program: etc::shell(facts),
            arguments: Vec::new(),
        },
        Start::Exec(command) => Command {
            program: command[0].clone(),
            arguments: command[1..].to_vec(),
        },
        Start::Agent {
            arguments,
            is_claude,
        } => {
            let off = is_claude.then(|| Text::from("--dangerously-skip-permissions"));
            let program = agent
                .as_ref()
                .map_or_else(|| facts.program.name.clone(), |agent| agent.program.clone());
            Command {
                program,
                arguments: off.into_iter().chain(arguments.iter().cloned()).collect(),
            }
        }
    }
}
