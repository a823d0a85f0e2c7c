//! Owns which probes are made, and why some are not.

use claudebox::hint::nearest;

use super::Complaint;
use super::cli::Args;
use super::look::There;
use crate::probe::Probe;
use crate::probes;

/// A probe, and why it is not made if it is not.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// Its name.
    pub name: &'static str,
    /// It.
    pub probe: &'static Probe,
    /// Why it is not made.
    pub why_not: Option<String>,
}

/// What a probe is about that not every sandbox shows. Without it, the attack finds nothing to attack, which is no hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// A part that only claudebox has.
    Claudebox,
    /// The folder that is granted read-only.
    Granted,
    /// What is taken out of the caller's environment here, as CMD could not start with it.
    Environment,
}

/// Those probes.
pub const ABOUT: &[(&str, About)] = &[
    ("agent_overwritten", About::Claudebox),
    ("agent_replaced", About::Claudebox),
    ("ambient_policy", About::Claudebox),
    ("hostile_names", About::Claudebox),
    ("hostile_names", About::Granted),
    ("loader_variables", About::Environment),
    ("programs_of_path", About::Environment),
    ("read_only_grant", About::Granted),
    ("read_only_grant_by_links", About::Granted),
    ("read_only_grant_by_rarer_calls", About::Granted),
    ("twin_git", About::Claudebox),
    ("twin_nested_launcher", About::Claudebox),
];

impl About {
    fn missing(self, there: There) -> Option<&'static str> {
        match self {
            About::Claudebox => {
                (!there.claudebox).then_some("it is about a part that only claudebox has")
            }
            About::Granted => {
                (!there.granted).then_some("CMD shows no grant: have it show {granted} read-only")
            }
            About::Environment => Some(
                "it needs false programs on PATH, or loader variables, with which CMD could not start",
            ),
        }
    }
}

/// Whether it is one session that anything can start. Who meddles with a plan, or between audit and start, needs claudebox.
fn is_one_session(name: &str, probe: &Probe) -> bool {
    let by_itself = probe.before.is_none() && probe.meddle.is_none() && probe.edited.is_none();
    // What only claudebox tells of at the end is no wall that another could have.
    let walls = probe.reported.is_empty();
    by_itself && walls && probe.then.is_empty() && !probe.in_company && !BY_FLAGS.contains(&name)
}

/// Those that are about flags of claudebox, which CMD was not given.
const BY_FLAGS: [&str; 4] = ["hidden", "limits_hit", "memory_limit", "project_secrets"];

/// The probes of one session that the filters name, on the tier.
///
/// # Errors
/// There is none.
pub fn select(args: &Args, there: There) -> Result<Vec<Chosen>, Complaint> {
    let named = |name: &str| {
        args.filters.is_empty()
            || args
                .filters
                .iter()
                .any(|filter| name.contains(filter.as_str()))
    };
    let chosen: Vec<Chosen> = probes::ALL
        .iter()
        .filter(|(name, probe)| {
            named(name) && is_one_session(name, probe) && probe.is_known_on(args.tier)
        })
        .map(|(name, probe)| Chosen {
            name,
            probe,
            why_not: why_not(name, probe, args.as_root, there),
        })
        .collect();
    if !chosen.is_empty() {
        return Ok(chosen);
    }
    let names = probes::ALL.iter().map(|(name, _)| *name);
    let near = args
        .filters
        .iter()
        .find_map(|filter| nearest(filter, names.clone()));
    Err(Complaint {
        what: format!(
            "no probe of one session on {} has a name with {}",
            args.tier.name(),
            args.filters.join(" or ")
        ),
        hint: match near {
            Some(near) => format!(
                "is {near} meant? a probe's name is that of its file in escape-tests/src/probes"
            ),
            None => "a probe's name is that of its file in escape-tests/src/probes".into(),
        },
    })
}

fn why_not(name: &str, probe: &Probe, as_root: bool, there: There) -> Option<String> {
    if probe.streams.is_terminal() {
        return Some(
            "it is made on a terminal, where the bait comes by a file that CMD would have to show"
                .into(),
        );
    }
    if as_root && !probe.also_as_root {
        return Some("it is made as an ordinary user only".into());
    }
    let mut about = ABOUT.iter().filter(|(about, _)| *about == name);
    if let Some(missing) = about.find_map(|(_, about)| about.missing(there)) {
        return Some(missing.into());
    }
    let missing: Vec<String> = probe
        .needs
        .iter()
        .filter_map(|need| need.missing())
        .collect();
    (!missing.is_empty()).then(|| missing.join("; "))
}
