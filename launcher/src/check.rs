//! Owns telling whether the sandbox can run here, part by part, each with its fix (RUN-09): from facts, and by really
//! starting one.

mod limits;
mod network;
mod tiers;

use serde::Serialize;

pub use self::tiers::TierReport;
use crate::cli::{Entry, SharedArgs, Target, Tier};
use crate::config::{Config, ConfigError};
use crate::facts::{Content, Facts, Git, NixDaemon, Parts, Project, Tool};
use crate::guard::Guard;
use crate::hint::Hint;
use crate::init::{ABI_OF_DEVICES, ABI_OF_FILES, ABI_OF_SCOPES};
use crate::launch::{self, LaunchError};
use crate::plan::Plan;
use crate::remedy::{install_hint, userns_obstacle};
use crate::text::Text;

/// What is said of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is there and does its work.
    Ok,
    /// It works, with less than it could.
    Warning,
    /// Nothing runs before this is mended.
    Failure,
}

/// One part of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which.
    pub part: &'static str,
    /// How it stands.
    pub verdict: Verdict,
    /// What was seen.
    pub found: String,
    /// What helps.
    pub fix: Option<String>,
}

/// All findings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Version of this form.
    pub version: u32,
    /// The tier that was checked for.
    pub tier: Tier,
    /// Whether that tier can run.
    pub can_run: bool,
    /// Part by part, for that tier.
    pub findings: Vec<Finding>,
    /// Every tier, as it would be with `--network TIER`.
    pub tiers: Vec<TierReport>,
}

fn finding(
    part: &'static str,
    verdict: Verdict,
    found: impl Into<String>,
    fix: Option<String>,
) -> Finding {
    Finding {
        part,
        verdict,
        found: found.into(),
        fix,
    }
}

/// Examines the host for `tier`, or for the tier that `run` would use, and tells of the others whether they can run.
#[must_use]
pub fn examine(
    facts: &Facts,
    parts: &Parts,
    tier: Option<Tier>,
    probe: impl Fn(&Plan, &Facts) -> Result<(), LaunchError>,
) -> Report {
    let facts = &nowhere(facts);
    let configured = Config::resolve(&entry(tier), facts);
    let wanted = match &configured {
        Ok(config) => config.tier.value,
        Err(_) => tier.unwrap_or(Tier::Full),
    };
    let findings = findings(facts, parts, wanted, started(facts, configured, &probe));
    let tiers = tiers::each(wanted, &findings, |tier| {
        let configured = Config::resolve(&entry(Some(tier)), facts);
        self::findings(facts, parts, tier, started(facts, configured, &probe))
    });
    Report {
        version: 1,
        tier: wanted,
        can_run: tiers.iter().any(|one| one.tier == wanted && one.can_run),
        findings,
        tiers,
    }
}

/// Part by part, for the tier `wanted`; `started` is what came of starting it.
fn findings(facts: &Facts, parts: &Parts, wanted: Tier, started: Finding) -> Vec<Finding> {
    let mut findings = vec![bwrap(facts), user_namespaces(facts), started];
    findings.extend([landlock(facts), kernel(facts), agent(facts)]);
    if facts.user.uid == 0 {
        let fix = "start it as an ordinary user, or pass --allow-root".to_owned();
        findings.push(finding(
            "user",
            Verdict::Warning,
            "this is uid 0; run refuses it",
            Some(fix),
        ));
    }
    if facts.host.kernel.wsl {
        let found = format!(
            "WSL2 ({}): Windows programs and drives do not exist inside",
            facts.host.kernel.release
        );
        findings.push(finding("wsl", Verdict::Warning, found, None));
    }
    findings.extend(network::parts(facts, wanted));
    findings.push(nix(facts, parts));
    findings.push(limits::limits(facts, parts.cgroup.as_ref(), &parts.groups));
    findings
}

/// What `run` would be asked for; the command does not matter.
fn entry(tier: Option<Tier>) -> Entry {
    let shared = SharedArgs {
        allow_root: true,
        network: tier,
        ..SharedArgs::default()
    };
    let command = ["/bin/sh", "-c", ":"].map(Into::into).to_vec();
    Entry {
        shared,
        target: Target::Exec(command),
        ..Entry::default()
    }
}

/// The same host, standing in no project.
fn nowhere(facts: &Facts) -> Facts {
    let mut facts = facts.clone();
    let root = Text::from("/srv/claudebox-check/project");
    facts.project = Project {
        root: root.clone(),
        cwd: root,
        git: Git::None,
        host_runs: Vec::new(),
    };
    facts.files.project_env = Content::Absent;
    facts.files.project_profile = Content::Absent;
    facts
}

fn bwrap(facts: &Facts) -> Finding {
    let fix = || Some(install_hint(&facts.host.os, "bubblewrap"));
    match &facts.host.bwrap {
        Tool::Missing => finding("bubblewrap", Verdict::Failure, "not installed", fix()),
        Tool::Unfit(path, why) => finding(
            "bubblewrap",
            Verdict::Failure,
            format!("{path}: {why}"),
            fix(),
        ),
        Tool::Found(path) => match launch::bwrap_version(path) {
            Some(version) if version < (0, 8) => {
                let found = format!("{path} is {}.{}; 0.8 is needed", version.0, version.1);
                finding("bubblewrap", Verdict::Failure, found, fix())
            }
            // GHSA-pxhw-h44j-8pfx, fixed in 0.12.0: no mount of a plan lies where a planted link could be (FS-G).
            Some((major, minor)) if (major, minor) < (0, 12) => {
                let found = format!(
                    "{path}, {major}.{minor}: follows planted links at mount points; claudebox mounts none there"
                );
                finding("bubblewrap", Verdict::Ok, found, None)
            }
            Some((major, minor)) => finding(
                "bubblewrap",
                Verdict::Ok,
                format!("{path}, {major}.{minor}"),
                None,
            ),
            None => finding(
                "bubblewrap",
                Verdict::Failure,
                format!("{path} does not tell its version"),
                fix(),
            ),
        },
    }
}

fn user_namespaces(facts: &Facts) -> Finding {
    match userns_obstacle(facts) {
        Some((found, fix)) => finding("user namespaces", Verdict::Warning, found, Some(fix)),
        None => finding(
            "user namespaces",
            Verdict::Ok,
            "no switch of this host is against them",
            None,
        ),
    }
}

/// Starts a real sandbox as it is configured, without any project in it.
fn started(
    facts: &Facts,
    configured: Result<Config, ConfigError>,
    probe: &impl Fn(&Plan, &Facts) -> Result<(), LaunchError>,
) -> Finding {
    let config = match configured {
        Ok(config) => config,
        Err(error) => {
            let (found, fix) = (error.to_string(), error.hint());
            return finding("configuration", Verdict::Failure, found, fix);
        }
    };
    let failed =
        |error: &dyn Hint| finding("sandbox", Verdict::Failure, error.to_string(), error.hint());
    let mut plan = match Plan::new(&config, facts) {
        Ok(plan) => plan,
        Err(error) => return failed(&error),
    };
    let of_project = [
        Guard::ProjectOnly,
        Guard::StatePerProject,
        Guard::LoginStore,
        Guard::ClaudeReadOnly,
    ];
    plan.steps.retain(|step| !of_project.contains(&step.guard));
    plan.cwd = "/".into();
    match probe(&plan, facts) {
        Ok(()) => finding(
            "sandbox",
            Verdict::Ok,
            "one was started, was what was planned, and ended",
            None,
        ),
        Err(error) => failed(&error),
    }
}

fn landlock(facts: &Facts) -> Finding {
    match facts.host.kernel.landlock_abi {
        0 => finding(
            "landlock",
            Verdict::Warning,
            "not in this kernel, or switched off: nothing stands behind the mounts, and abstract sockets of the host are \
             reachable on the tier `full`",
            Some("boot with lsm=landlock,… (Linux 5.13)".into()),
        ),
        abi @ 1..ABI_OF_SCOPES => {
            let fence = if abi < ABI_OF_FILES {
                "nothing stands behind the mounts, and "
            } else if abi < ABI_OF_DEVICES {
                "files are fenced and devices are not, and "
            } else {
                "files and devices are fenced; "
            };
            let found = format!(
                "ABI {abi}: {fence}abstract sockets of the host are reachable on the tier `full`"
            );
            finding(
                "landlock",
                Verdict::Warning,
                found,
                Some("use Linux 6.12 or later".into()),
            )
        }
        abi => finding(
            "landlock",
            Verdict::Ok,
            format!("ABI {abi} or later: files, devices, abstract sockets and signals"),
            None,
        ),
    }
}

/// PID 1 takes its descriptors by pidfd_getfd(2), and sources are held by openat2(2).
fn kernel(facts: &Facts) -> Finding {
    let release = &facts.host.kernel.release;
    let found = format!("Linux {release}, {}", facts.host.os_name);
    if facts.host.kernel.version() < (5, 6) {
        let fix = Some("use Linux 5.6 or later".into());
        return finding("kernel", Verdict::Failure, found, fix);
    }
    finding("kernel", Verdict::Ok, found, None)
}

fn agent(facts: &Facts) -> Finding {
    match &facts.program.found {
        Some(found) => finding("claude", Verdict::Ok, found.path.to_string(), None),
        None => {
            let fix =
                "npm install -g @anthropic-ai/claude-code, or see https://claude.com/claude-code"
                    .to_owned();
            let passed_over = facts
                .program
                .passed_over
                .iter()
                .map(|(path, why)| format!("; {path}: {why}"));
            let found = format!("not found{}", passed_over.collect::<String>());
            finding(
                "claude",
                Verdict::Warning,
                found + "; shell and exec work without it",
                Some(fix),
            )
        }
    }
}

fn nix(facts: &Facts, parts: &Parts) -> Finding {
    if !facts.host.nix_store {
        return finding(
            "nix",
            Verdict::Ok,
            "no Nix store on this host; programs come from /usr",
            None,
        );
    }
    let store = "the store is shown read-only";
    match &parts.nix_daemon {
        None => finding("nix", Verdict::Ok, format!("{store}; no daemon runs"), None),
        Some(NixDaemon { trusts: None }) => finding(
            "nix",
            Verdict::Ok,
            format!("{store}; the daemon stays outside in this version"),
            None,
        ),
        Some(NixDaemon {
            trusts: Some(entry),
        }) => {
            let found = format!(
                "{store}; the daemon stays outside, and trusts you by `{entry}`: who reaches it is root"
            );
            let fix = "take that entry out of trusted-users in nix.conf".to_owned();
            finding("nix", Verdict::Warning, found, Some(fix))
        }
    }
}
