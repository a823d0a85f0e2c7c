//! Owns showing the agent: just what it needs, read-only, at a place none of whose parents can be written (RUN-10, ENV-E).

use super::{Action, Command, OWN, PlanError, Steps, etc};
use crate::config::{Config, Start};
use crate::facts::{Facts, ProgramKind};
use crate::guard::Guard;
use crate::place;
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
        if !matches!(config.start, Start::Agent { .. }) {
            return Ok(None);
        }
        if let Some((path, _)) = program
            .passed_over
            .iter()
            .find(|(_, why)| why.contains("executable"))
        {
            return Err(PlanError::AgentNotExecutable { path: path.clone() });
        }
        // A bare name that the host does not have may still be on PATH inside; PID 1 looks there, and says 127.
        if !matches!(
            config.start,
            Start::Agent {
                prompts_off: true,
                ..
            }
        ) {
            return Ok(None);
        }
        let passed_over: Vec<String> = program
            .passed_over
            .iter()
            .map(|(path, why)| format!("; {path} was passed over: {why}"))
            .collect();
        return Err(PlanError::NoAgent {
            name: program.name.clone(),
            passed_over: passed_over.concat(),
        });
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
    let refuse = |path: &Text| match place::uncovers(path.path(), facts.user.home.path(), |_| None)
    {
        // Claude Code's own folder may hold its program; that program alone is shown.
        Some((_, what))
            if !path
                .path()
                .starts_with(facts.user.home.path().join(".claude")) =>
        {
            Err(PlanError::Agent {
                path: path.clone(),
                why: format!("its folder holds {what}"),
            })
        }
        _ => Ok(()),
    };
    let read_only = |from: &Text, at: Text| Action::Bind {
        from: from.clone(),
        at,
        writable: false,
    };
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
            refuse(package)?;
            // The names of the last two folders stay: node resolves `@scope/name` by them.
            let modules = Text::from(format!("{OWN}/lib/node_modules"));
            let scope = package
                .path()
                .parent()
                .and_then(|scope| scope.file_name())
                .unwrap_or_default();
            let inside = modules
                .join(scope)
                .join(package.path().file_name().unwrap_or_default());
            steps.add(
                Guard::AgentReadOnly,
                read_only(package, inside.clone()),
                "the agent's package",
            );
            for companion in companions {
                let at = modules
                    .join(scope)
                    .join(companion.path().file_name().unwrap_or_default());
                steps.add(
                    Guard::AgentReadOnly,
                    read_only(companion, at),
                    "a package that the agent loads",
                );
            }
            let script = found
                .real
                .path()
                .strip_prefix(package.path())
                .unwrap_or(found.real.path());
            let link = Action::Link {
                at: shown.program.clone(),
                to: inside.join(script),
            };
            steps.add(Guard::AgentReadOnly, link, "the agent");
            if let Some(interpreter) = interpreter {
                let name = interpreter.path().file_name().unwrap_or_default();
                let at = shown.folder.join(name);
                let action = if steps.shows(interpreter) {
                    Action::Link {
                        at,
                        to: interpreter.clone(),
                    }
                } else {
                    read_only(interpreter, at)
                };
                steps.add(Guard::AgentReadOnly, action, "what runs the agent's script");
            }
        }
    }
    Ok(Some(shown))
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
            prompts_off,
        } => {
            let off = prompts_off.then(|| Text::from("--dangerously-skip-permissions"));
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
