//! Owns what holds for every plan, and merging JSON. Shared by the fuzz targets and the golden tests: one definition.

use std::collections::BTreeSet;
use std::path::Path;

use claudebox::guard::Guard;
use claudebox::plan::{Action, Plan};
use serde_json::Value;

/// Whether `plan` keeps the laws of `plan.rs`, seen from outside.
///
/// # Errors
/// The law that is broken, and by what.
pub(crate) fn keeps(plan: &Plan) -> Result<(), String> {
    let mut places = BTreeSet::new();
    let mut writable = Vec::new();
    let mut mounts: Vec<(&Path, bool)> = Vec::new();
    for step in &plan.steps {
        let Some(at) = step.action.place() else {
            continue;
        };
        if !places.insert(at) {
            return Err(format!("{at} is made twice"));
        }
        if [Guard::HostRunGuarded, Guard::ProjectSecretsHidden].contains(&step.guard) {
            stays(&step.action, &mounts)?;
            let writable = matches!(step.action, Action::Bind { writable: true, .. });
            mounts.push((at.path(), writable));
            continue;
        }
        if step.guard == Guard::ClaudeReadOnly {
            // Directly in what is kept of the project, where nothing that is a mount can be moved.
            let above = at.path().parent().unwrap_or(at.path());
            let kept = mounts
                .iter()
                .any(|(mount, writable)| *mount == above && *writable);
            if !kept || matches!(step.action, Action::Bind { writable: true, .. }) {
                return Err(format!("{at} can be moved or written"));
            }
            mounts.push((at.path(), false));
            continue;
        }
        if let Some(above) = writable
            .iter()
            .find(|above: &&&Path| at.path().starts_with(above))
        {
            return Err(format!(
                "{at} lies beneath {}, which can be written",
                above.display()
            ));
        }
        if let Action::Bind { writable: rw, .. } = step.action {
            mounts.push((at.path(), rw));
            if rw {
                writable.push(at.path());
            }
        }
    }
    // The last word is that the skeleton is read-only.
    let sealed = |action: &Action| matches!(action, Action::RemountReadOnly { at } if *at == "/");
    if !plan.steps.last().is_some_and(|step| sealed(&step.action)) {
        return Err("the root is not sealed last".into());
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = plan
        .variables
        .iter()
        .find(|variable| !names.insert(&variable.name))
    {
        return Err(format!("{} is set twice", twice.name));
    }
    // ENV-E: nothing on PATH lies where the agent can write.
    let on_path = plan.path();
    if let Some(folder) = on_path.iter().find(|folder| {
        writable
            .iter()
            .any(|above| folder.path().starts_with(above))
    }) {
        return Err(format!("{folder} is on PATH and can be written inside"));
    }
    Ok(())
}

/// What is guarded is mounted over itself or hidden, and cannot be moved: the folder above is a mount, or is read-only.
fn stays(action: &Action, mounts: &[(&Path, bool)]) -> Result<(), String> {
    let (from, at) = match action {
        Action::Bind { from, at, .. } => (from, at),
        Action::Hide { at, .. } | Action::Replace { at, .. } => (at, at),
        _ => return Err("a guarded place is made".into()),
    };
    if from != at {
        return Err(format!("{at} is guarded, and from {from}"));
    }
    let above = at.path().parent().unwrap_or(at.path());
    let around = mounts.iter().filter(|(mount, _)| above.starts_with(mount));
    match around.max_by_key(|(mount, _)| mount.components().count()) {
        Some((mount, writable)) if !writable || *mount == above => Ok(()),
        _ => Err(format!(
            "{at} is guarded, and {} can be moved",
            above.display()
        )),
    }
}

/// As RFC 7396: objects are merged, `null` removes, all else replaces. `{"=": VALUE}` replaces an object too.
pub(crate) fn merge(into: &mut Value, patch: Value) {
    match (into, patch) {
        (into, Value::Object(mut patch)) if patch.contains_key("=") => {
            *into = patch.remove("=").unwrap_or_default()
        }
        (Value::Object(into), Value::Object(patch)) => {
            for (key, value) in patch {
                if value.is_null() && !nullable(&key) {
                    into.remove(&key);
                } else {
                    merge(into.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (into, patch) => *into = patch,
    }
}

/// Facts in which `null` is a value: there is no such thing on this host.
fn nullable(key: &str) -> bool {
    [
        "found",
        "bash",
        "interpreter",
        "max_user_namespaces",
        "unprivileged_userns_clone",
        "apparmor_restricts_userns",
        "container",
        "name",
        "email",
    ]
    .contains(&key)
}
