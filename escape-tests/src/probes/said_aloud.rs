//! Secrets that do enter must not be told: not in the audit, not in an error, not in a file that the launcher leaves. Every session
//! of every probe is looked through for canaries; this one asks for the variables that hold them.   (threats: CFG-16)
use std::fs;
use std::path::Path;

use crate::harness::launched::launch;
use crate::probe::*;

/// By the words that claudebox goes by (AUD-B). Those of claudebox and git are refused from anybody.
fn secret_names(bait: &Bait) -> impl Iterator<Item = &str> {
    let words = ["TOKEN", "SECRET", "PASSWORD", "ACCESS_KEY", "API_KEY"];
    let names = bait.environment.iter().map(|(name, _)| name.as_str());
    names.filter(move |name| words.iter().any(|word| name.contains(word)))
}

fn files_with_canary(folder: &Path, bait: &Bait, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            files_with_canary(&path, bait, found);
        } else if entry.file_type().is_ok_and(|kind| kind.is_file())
            && fs::read(&path).is_ok_and(|text| bait.canaries_in(&text) > 0)
        {
            found.push(path);
        }
    }
}

pub const PROBE: Probe = Probe {
    asks: "does a secret that enters show in anything that the launcher says or writes?",
    threats: &["CFG-16"],
    // Nothing of the plan: it is about what is said of it.
    behind: &[],
    tiers: &[Tier::None],
    also_as_root: true,
    grants: |bait| {
        let names = secret_names(bait);
        names
            .flat_map(|name| ["--env".into(), name.into()])
            .collect()
    },
    expect: Expect::Exactly(|bait| {
        Seen::one("secrets that entered", Act::saw(secret_names(bait).count()))
    }),
    attempt: |bait| {
        let entered = secret_names(bait).filter(|name| std::env::var_os(name).is_some());
        Seen::one("secrets that entered", Act::saw(entered.count()))
    },
    then: &[Then::Host(|lab| {
        // Each is a wrong one, and names a secret.
        let bait = &lab.bait;
        let project = &bait.project;
        let file = project.join(".claudebox.env");
        let secret = format!("KEY={0}\n{0}\n", bait.mark);
        crate::harness::detonator::write(lab, &file, &secret)?;
        for command in ["plan", "trust"] {
            launch(lab, project, &[command])
                .refused("hint:")?
                .without_canary(lab)?;
        }
        fs::remove_file(&file)?;
        let key = bait.secrets[0].display().to_string();
        launch(lab, project, &["plan", "--mount", &key])
            .refused("hint:")?
            .without_canary(lab)?;
        launch(lab, project, &["plan", "--json"])
            .started()?
            .without_canary(lab)?;
        launch(lab, project, &["check", "--json"])
            .without_canary(lab)
            .map(drop)
    })],
    harmed: |bait| {
        let mut found = Vec::new();
        files_with_canary(&bait.folder, bait, &mut found);
        let planted = bait.secrets.iter().chain(&bait.other_projects);
        let planted: Vec<&std::path::PathBuf> =
            planted.chain([&bait.stdin, &bait.stdout]).collect();
        // The harness tells the trial, and the loader of each program the lab: neither is the launcher's.
        let own = |path: &Path| {
            path == bait.folder.join("trial.json") || path == bait.folder.join("unlisted")
        };
        found.retain(|path| !planted.contains(&path) && !own(path));
        (!found.is_empty()).then(|| format!("canaries lie in {found:?}"))
    },
    ..Probe::USUAL
};
