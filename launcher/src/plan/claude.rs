//! Owns the steps that give a session the state of its project at `~/.claude`, and over it, read-only, what of the user's own is seen
//! (INST-01, AUTH-04).
//!
//! Each name of the list is mounted, also where the user has nothing there. What is a mount cannot be moved, and so the place of the
//! next session's mount is what the launcher made: no session can put a link there, however many run at once (FS-G).

use std::path::Path;

use super::{Action, Steps};
use crate::config::Origin;
use crate::facts::Facts;
use crate::guard::Guard;
use crate::instance::{CLAUDE_JSON, CREDENTIALS, Keep, LOGIN, Own, SHOWN, Settings, Shown};
use crate::login::{OnHost, Share, account_of};
use crate::place::Secrets;
use crate::text::Text;

/// The guard of what lies over the instance.
pub(super) const GUARD: Guard = Guard::ClaudeReadOnly;

pub(super) fn add(steps: &mut Steps, facts: &Facts, notes: &mut Vec<String>) {
    let at = facts.user.home.join(".claude");
    if steps.0.iter().any(|step| step.action.place() == Some(&at)) {
        notes.push(format!(
            "{at} is the user's own, as a profile says: nothing of this project is kept apart"
        ));
        return;
    }
    let mut keep = Keep::of(facts);
    let claude = keep.claude();
    let fresh = if facts.claude.instance {
        ""
    } else {
        ", made at the start"
    };
    let why = format!("conversations and settings of this project's agent, kept{fresh}");
    let bind = Action::Bind {
        from: claude.clone(),
        at: at.clone(),
        writable: true,
    };
    let link = Action::Link {
        at: facts.user.home.join(CLAUDE_JSON),
        to: at.join(CLAUDE_JSON),
    };
    let mut views = Vec::new();
    let over: Vec<_> = SHOWN
        .iter()
        .map(|shown| one(shown, facts, &keep, &at, &mut views, notes))
        .collect();
    keep.views = views;
    let root = keep.root.clone();
    steps.add(
        Guard::StatePerProject,
        Action::KeepState {
            keep: Box::new(keep),
        },
        format!("the state of {root}, in a folder of its own"),
    );
    steps.add_for(Origin::Default, Guard::StatePerProject, bind, why);
    steps.add(
        Guard::StatePerProject,
        link,
        "what you have answered; the client replaces it by a rename beside its end",
    );
    login(steps, facts, notes);
    for (action, origin, why) in over {
        steps.add_for(origin, GUARD, action, why);
    }
    ends(steps, facts);
    notes.extend(
        facts
            .claude
            .no_seed
            .iter()
            .map(|why| format!("~/.claude.json is left out: {why}")),
    );
    for link in &facts.claude.dangling {
        notes.push(format!(
            "{link} leads nowhere inside: what it leads to is not shown"
        ));
    }
    if facts.claude.made_anew {
        notes.push(format!(
            "{root} is another folder than the one that its state was last used for: conversations of that one are in it; \
             claudebox reset removes them"
        ));
    }
    for server in &facts.claude.servers {
        notes.push(format!(
            "an earlier session of this project added the MCP server {server}, which starts inside"
        ));
    }
}

/// The login, which is no mount: over one the client could not put a new file in its place.
fn login(steps: &mut Steps, facts: &Facts, notes: &mut Vec<String>) {
    let own = || facts.files.folder.join(LOGIN);
    let (at, of_host, enters) = match &facts.claude.login {
        OnHost::Left(why) => {
            notes.push(format!("~/.claude/{CREDENTIALS} is left out: {why}"));
            return;
        }
        OnHost::Host(at) => (at.clone(), true, true),
        OnHost::Own => (own(), false, true),
        OnHost::None => (own(), false, false),
    };
    let account = facts.claude.seed.values.get("oauthAccount");
    let who = account
        .and_then(|account| account.get("emailAddress"))
        .and_then(serde_json::Value::as_str);
    let share = Share {
        who: who.filter(|_| of_host).map(Text::from),
        account: account.and_then(account_of),
        claude_json: facts.user.home.join(CLAUDE_JSON),
        at,
        of_host,
        enters,
    };
    let (origin, why) = match (of_host, enters) {
        (true, _) => (
            Origin::Host,
            "your login of Claude Code: what is refreshed inside is there on the host, and the reverse",
        ),
        (false, true) => (
            Origin::Default,
            "the login that was made in a session, for every project",
        ),
        (false, false) => (
            Origin::Default,
            "you have no login; one that is made inside is kept for every project",
        ),
    };
    let action = Action::ShareLogin {
        share: Box::new(share),
    };
    steps.add_for(origin, Guard::LoginStore, action, why);
}

/// What is mounted at one name, who decided it, and why. The content of a file goes to `views`: it is mounted from the file that the
/// launcher makes of it, as it was read and judged.
fn one(
    shown: &Shown,
    facts: &Facts,
    keep: &Keep,
    folder: &Text,
    views: &mut Vec<Text>,
    notes: &mut Vec<String>,
) -> (Action, Origin, String) {
    let at = folder.join(shown.name);
    let mut left = |why: &str| notes.push(format!("~/.claude/{} is left out: {why}", shown.name));
    let mut view = |content: Text| {
        let from = keep.view(&content);
        views.push(content);
        Action::Bind {
            from,
            at: at.clone(),
            writable: false,
        }
    };
    let settings = shown.name == "settings.json";
    match facts.claude.shown.get(shown.name) {
        Some(Own::File { real, .. }) if secret(facts, real).is_some() => {
            let what = secret(facts, real).unwrap_or_default();
            left(&format!("it leads to {real}, which holds {what}"));
        }
        Some(Own::Folder { real, .. }) if let Some(what) = secret(facts, real) => {
            left(&format!("it leads to {real}, which holds {what}"));
        }
        Some(Own::Folder { real, .. }) => {
            let action = Action::Bind {
                from: real.clone(),
                at,
                writable: false,
            };
            return (action, Origin::Host, shown.why.into());
        }
        Some(Own::File { content, .. }) if settings => {
            match Settings::of(Some(content.as_encoded_bytes())) {
                Ok(settings) => {
                    for key in &settings.left_out {
                        notes.push(format!(
                        "~/.claude/settings.json: {key} looks like a secret and is left out; --env NAME passes a variable"
                    ));
                    }
                    return (
                        view(settings.content.into()),
                        Origin::Host,
                        shown.why.into(),
                    );
                }
                Err(error) => {
                    let place = format!(
                        "it is no object of JSON (line {}, column {})",
                        error.line(),
                        error.column()
                    );
                    left(&place);
                }
            }
        }
        Some(Own::File { content, .. }) => {
            return (view(content.clone()), Origin::Host, shown.why.into());
        }
        Some(Own::Left(why)) => left(why),
        None => {}
    }
    let why = "nothing of yours; a session can leave nothing here";
    if settings && let Ok(settings) = Settings::of(None) {
        let action = view(settings.content.into());
        return (
            action,
            Origin::Generated,
            format!("{why}; that prompts are off was asked already"),
        );
    }
    let action = Action::Bind {
        from: keep.claude().join(shown.name),
        at,
        writable: false,
    };
    (action, Origin::Generated, why.into())
}

/// Where links in shown folders end, each at its own place.
fn ends(steps: &mut Steps, facts: &Facts) {
    let folders = facts.claude.shown.values().filter_map(|own| match own {
        Own::Folder { ends, .. } => Some(ends),
        _ => None,
    });
    for end in folders.flatten() {
        let beside = |step: &super::Step| {
            let place = step.action.place().map(|place| place.path());
            place.is_some_and(|place| {
                place.starts_with(end.path()) || is_writable_above(step, end.path())
            })
        };
        if steps.shows(end) || steps.0.iter().any(beside) || secret(facts, end).is_some() {
            continue;
        }
        let action = Action::Bind {
            from: end.clone(),
            at: end.clone(),
            writable: false,
        };
        steps.add_for(
            Origin::Host,
            Guard::RootReadOnly,
            action,
            "a link of your ~/.claude leads here",
        );
    }
}

/// The secret place that `path` is, lies in or lies above, but for the user's own `~/.claude`, in which facts have judged it.
fn secret(facts: &Facts, path: &Text) -> Option<String> {
    let own = facts.user.home.join(".claude");
    let real = facts.node(own.path()).map_or(&own, |node| &node.real);
    let in_own = [&own, real]
        .into_iter()
        .any(|own| path.path().starts_with(own.path()));
    let secret = Secrets::of(facts).uncovered_by(path.path());
    secret.filter(|_| !in_own).map(|secret| secret.what)
}

fn is_writable_above(step: &super::Step, end: &Path) -> bool {
    match &step.action {
        Action::Bind {
            at, writable: true, ..
        } => end.starts_with(at.path()),
        _ => false,
    }
}
