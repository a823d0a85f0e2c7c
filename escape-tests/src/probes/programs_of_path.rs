//! PATH of the caller may begin with anything: the project itself, `.`, an empty entry, a folder that another session can
//! write. A launcher that looks for bwrap or git there runs what it finds, outside.   (threats: ENV-11, CFG-17)
use std::fs;

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does the launcher run a program that it finds by PATH, or take an agent that lies in the project?",
    threats: &["ENV-11", "CFG-17"],
    // Nothing of the plan: the launcher has no such search. The programs are shown to work when they are planted.
    behind: &[],
    also_as_root: true,
    expect: Expect::Exactly(|bait| {
        let length = fs::metadata(&bait.agent).map(|agent| agent.len());
        Seen::one("length of the agent", Act::saw(length.unwrap_or(0)))
            .and("the first entry of PATH", Act::saw("/run/claudebox/bin"))
            .and("entries of the caller's", Act::saw(0))
    }),
    attempt: |bait| {
        let agent = fs::metadata("/run/claudebox/bin/claude");
        let agent = agent.map_or_else(
            |error| Act::of::<()>(Err(error)),
            |agent| Act::saw(agent.len()),
        );
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path: Vec<_> = std::env::split_paths(&path).collect();
        let of_the_caller = path
            .iter()
            .filter(|entry| !entry.is_absolute() || entry.starts_with(&bait.folder));
        Seen::one("length of the agent", agent)
            .and(
                "the first entry of PATH",
                path.first().map_or(Act::Broken("no PATH".into()), |first| {
                    Act::saw(first.display())
                }),
            )
            .and("entries of the caller's", Act::saw(of_the_caller.count()))
    },
    harmed: ran,
    ..Probe::USUAL
};

/// What of the planted programs was run outside.
pub(super) fn ran(bait: &Bait) -> Option<String> {
    let ran = match fs::read_to_string(&bait.ran) {
        Ok(ran) => ran,
        Err(error) => return Some(format!("{}: {error}", bait.ran.display())),
    };
    (!ran.is_empty()).then(|| format!("on the host there ran: {ran:?}"))
}
