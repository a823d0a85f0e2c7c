//! Owns leaving out single flags of bwrap (META-03): smaller than a step of the plan, which may be several. The launcher believes
//! in its whole plan; the bwrap that lies ([`super::liar`]) is given the arguments without the flag.

use claudebox::bwrap::Invocation;
use claudebox::guard::Guard;
use claudebox::plan::Plan;

use super::{Listed, shown_place};
use crate::harness::bait::Bait;

/// How many operands each flag that the launcher emits has (bwrap(1)).
const OPERANDS: &[(&str, usize)] = &[
    ("--as-pid-1", 0),
    ("--bind", 2),
    ("--cap-drop", 1),
    ("--dev", 1),
    ("--die-with-parent", 0),
    ("--dir", 1),
    ("--disable-userns", 0),
    ("--file", 2),
    ("--gid", 1),
    ("--hostname", 1),
    ("--perms", 1),
    ("--proc", 1),
    ("--remount-ro", 1),
    ("--ro-bind", 2),
    ("--ro-bind-data", 2),
    ("--size", 1),
    ("--symlink", 2),
    ("--tmpfs", 1),
    ("--uid", 1),
    ("--unshare-cgroup", 0),
    ("--unshare-ipc", 0),
    ("--unshare-net", 0),
    ("--unshare-pid", 0),
    ("--unshare-user", 0),
    ("--unshare-uts", 0),
];

/// One flag, and all arguments but it.
#[derive(Debug, Clone)]
pub struct Flag {
    /// What the driver knows of it.
    pub listed: Listed,
    /// The arguments without it, each ended by a NUL.
    pub without: Vec<u8>,
}

/// Every flag that stands in the arguments of `plan`.
///
/// # Errors
/// Where one is not known here: it could not be told from its operands.
pub fn all(plan: &Plan, bait: &Bait) -> Result<Vec<Flag>, String> {
    let hidden = Invocation::of(plan).hidden_arguments;
    let words: Vec<&[u8]> = hidden.split_inclusive(|byte| *byte == 0).collect();
    let text = |word: &[u8]| {
        String::from_utf8_lossy(word)
            .trim_end_matches('\0')
            .to_owned()
    };
    let mut flags: Vec<Flag> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let flag = text(words[at]);
        let known = OPERANDS.iter().find(|(known, _)| *known == flag);
        let (_, operands) =
            known.ok_or_else(|| format!("{flag} is not known to the mutation run"))?;
        let next = at + 1 + operands;
        // What it is about: its last operand, or for what comes before a place, that place.
        let about = match flag.as_str() {
            "--perms" | "--size" => words[next..].iter().find(|word| word.starts_with(b"/")),
            // Whose numbers and how many are not the same on every machine.
            "--uid" | "--gid" | "--cap-drop" => None,
            _ if *operands > 0 => words.get(next - 1),
            _ => None,
        };
        let about = about.map(|word| text(word));
        let place = about
            .as_ref()
            .map(|about| shown_place(about.as_ref(), bait));
        let name = [Some(format!("without flag {flag}")), place]
            .into_iter()
            .flatten();
        flags.push(Flag {
            listed: Listed {
                name: name.collect::<Vec<_>>().join(" "),
                guard: guard_of(plan, &flag, about.as_deref()),
                only_look: false,
                is_rule: false,
                leaves_open: false,
                found_out: false,
            },
            without: [
                words[..at].concat(),
                words[next.min(words.len())..].concat(),
            ]
            .concat(),
        });
        at = next;
    }
    Ok(flags)
}

/// The guard that the flag serves: that of the step at its place, or what its name says.
fn guard_of(plan: &Plan, flag: &str, about: Option<&str>) -> Guard {
    let step = plan.steps.iter().find(|step| {
        let place = step.action.place().and_then(|place| place.utf8());
        place.is_some() && place == about
    });
    match (flag, step) {
        ("--unshare-user" | "--uid" | "--gid", _) => Guard::UserNamespace,
        ("--unshare-pid" | "--as-pid-1", _) => Guard::PidNamespace,
        ("--unshare-ipc", _) => Guard::IpcNamespace,
        ("--unshare-uts" | "--hostname", _) => Guard::UtsNamespace,
        ("--unshare-cgroup", _) => Guard::CgroupNamespace,
        ("--unshare-net", _) => Guard::NetNamespace,
        ("--cap-drop", _) => Guard::NoCapabilities,
        ("--disable-userns", _) => Guard::NoNestedNamespaces,
        ("--die-with-parent", _) => Guard::DieWithParent,
        (_, Some(step)) if step.guard == Guard::ProjectSecretsHidden => step.guard,
        ("--remount-ro", _) => Guard::RootReadOnly,
        (_, Some(step)) => step.guard,
        (_, None) => Guard::HostHidden,
    }
}
