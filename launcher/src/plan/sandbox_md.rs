//! Owns SANDBOX.md: what the agent is told of where it runs. Made from the plan, so that it is true of this launch.
//!
//! Claude Code reads `/etc/claude-code/CLAUDE.md` as managed memory; no file of the user or of the project is touched.

use std::fmt::Write;

use super::{Action, Steps, Unavailable};
use crate::cli::Tier;
use crate::config::{Config, Origin};
use crate::facts::{Facts, Git};
use crate::guard::Guard;

/// Where it lies inside.
const AT: &str = "/etc/claudebox/SANDBOX.md";

pub(super) fn add(steps: &mut Steps, config: &Config, facts: &Facts, unavailable: &[Unavailable]) {
    let content = text(steps, config, facts, unavailable);
    let file = Action::File {
        at: AT.into(),
        content: content.into(),
    };
    steps.add(Guard::EtcGenerated, file, "tells the agent where it runs");
    let link = Action::Link {
        at: "/etc/claude-code/CLAUDE.md".into(),
        to: AT.into(),
    };
    steps.add(
        Guard::EtcGenerated,
        link,
        "Claude Code reads its managed memory there",
    );
}

fn text(steps: &Steps, config: &Config, facts: &Facts, unavailable: &[Unavailable]) -> String {
    let mut md = String::new();
    let mut say = |line: &str| {
        let _ = writeln!(md, "{line}");
    };
    say("# You are in a sandbox");
    say("");
    say(
        "claudebox started you inside a bubblewrap sandbox on the user's machine. Permission prompts are off because the",
    );
    say(
        "sandbox holds, not because everything is allowed. What is refused here is refused on purpose: do not look for a way",
    );
    say("round it, tell the user what you needed and why.");
    say("");
    say("## Files");
    say("");
    say(&format!(
        "- The project {} is the user's own folder: what you change there stays.",
        facts.project.root
    ));
    for step in &steps.0 {
        let asked = matches!(step.origin, Origin::Flag(_) | Origin::Profile(_));
        if let (Action::Bind { at, writable, .. }, true) = (&step.action, asked) {
            say(&format!(
                "- {at} is of the host too, {}: {}.",
                if *writable { "read-write" } else { "read-only" },
                step.why
            ));
        }
    }
    say(&format!(
        "- The home folder {}, /tmp and /var/tmp are private and empty at the start, and are gone at the end.",
        facts.user.home
    ));
    say(
        "- Programs and libraries are read-only. Nothing else of the host exists here: no other project, no SSH or cloud",
    );
    say("  keys, no agent sockets, no browser, no Docker. Do not ask the user to paste a secret.");
    say("");
    say("## Network");
    say("");
    match config.tier.value {
        Tier::None => say(
            "There is no network: only a loopback of this sandbox, and no name resolves. Work with what is here.",
        ),
        Tier::Inet | Tier::Full => {
            say(
                "You are on the host's network: the internet, the local network and services on the host's loopback are",
            );
            say("reachable. Do not touch what is not part of your task.");
        }
    }
    say("");
    say("## Tools");
    say("");
    if facts.host.nix_store {
        say(
            "Programs come from the Nix store, read-only. The Nix daemon is not reachable in this version of claudebox, so",
        );
        say(
            "`nix shell`, `nix build` and comma cannot fetch anything. If a tool is missing, ask the user to install it",
        );
        say("in their profile, or to start claudebox with `--path-add DIR` or `--mount PATH`.");
    } else {
        say(
            "Programs come from the host's /usr, read-only; `sudo` and the package manager cannot work here. If a tool is",
        );
        say(
            "missing, use what the project's own package manager brings into the project, or ask the user to install it on",
        );
        say("the host or to start claudebox with `--path-add DIR` or `--mount PATH`.");
    }
    say("");
    say("## git");
    say("");
    match (
        &facts.project.git,
        &facts.git_identity.name,
        &facts.git_identity.email,
    ) {
        (Git::None, ..) => say("The project is no git repository."),
        (Git::Left(why), ..) => say(&format!("git does not work here: {why}.")),
        (Git::Inside | Git::Linked(_), Some(name), Some(email)) => {
            say(&format!(
                "git is set up: commits carry {name} <{email}>. Pushing over SSH needs a key, see below."
            ));
        }
        (Git::Inside | Git::Linked(_), ..) => {
            say(
                "git works; the host has no user.name and user.email, so ask the user before you commit.",
            );
        }
    }
    if config.ssh.agent.is_some() {
        say(
            "The user's ssh agent is forwarded: you can sign as the user. Use it for what you were asked to do only.",
        );
    } else if !config.ssh.keys.is_empty() {
        say("The user gave you an SSH key in ~/.ssh. Use it for what you were asked to do only.");
    } else {
        say(
            "There is no SSH key and no ssh agent. If you need to push or to clone over SSH, tell the user to do it, or to",
        );
        say("start claudebox with `--with-ssh` or `--ssh-key PATH`.");
    }
    say("");
    say("## When something is refused");
    say("");
    say(
        "EROFS or EACCES on a path outside the project, \"No such file\" for a file of the home folder, or a connection that",
    );
    say(
        "fails: this is the sandbox. Tell the user which path, tool or address you need. They decide with `--mount`,",
    );
    say(
        "`--env`, `--network` or a profile when they start claudebox again; `claudebox plan` shows what enters.",
    );
    for missing in unavailable {
        say("");
        say(&format!(
            "This host cannot give one guard: {}.",
            missing.why
        ));
    }
    md
}
