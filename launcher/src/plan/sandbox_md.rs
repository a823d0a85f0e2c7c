//! Owns SANDBOX.md: what the agent is told of where it runs. Made from the plan, so that it is true of this launch.
//!
//! Claude Code reads `/etc/claude-code/CLAUDE.md` as managed memory; no file of the user or of the project is touched.

use super::{Action, Steps, Unavailable};
use crate::cli::Tier;
use crate::config::{Config, Origin};
use crate::facts::{Facts, Git};
use crate::guard::Guard;
use crate::page::fold;

/// Where it lies inside.
const AT: &str = "/etc/claudebox/SANDBOX.md";

pub(super) fn add(steps: &mut Steps, config: &Config, facts: &Facts, unavailable: &[Unavailable]) {
    let page = [
        "# You are in a sandbox\n".to_owned(),
        paragraph(
            "claudebox started you inside a bubblewrap sandbox on the user's machine. Permission prompts are off because \
             the sandbox holds, not because everything is allowed. What is refused here is refused on purpose: do not look \
             for a way round it; tell the user what you needed and why.",
        ),
        files(steps, facts),
        network(config),
        tools(facts),
        git(config, facts),
        refused(unavailable),
    ];
    let content = page.join("\n");
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

fn paragraph(text: &str) -> String {
    fold(text, 100).join("\n") + "\n"
}

fn item(text: &str) -> String {
    format!("- {}\n", fold(text, 98).join("\n  "))
}

fn files(steps: &Steps, facts: &Facts) -> String {
    let mut section = String::from("## Files\n\n");
    let root = &facts.project.root;
    section += &item(&format!(
        "The project {root} is the user's own folder: what you change there stays."
    ));
    for step in &steps.0 {
        let asked = matches!(step.origin, Origin::Flag(_) | Origin::Profile(_));
        if let (Action::Bind { at, writable, .. }, true) = (&step.action, asked) {
            let mode = if *writable { "read-write" } else { "read-only" };
            section += &item(&format!(
                "{at} is the host's too, {mode}, as the user asked ({}).",
                step.why
            ));
        }
    }
    if steps
        .0
        .iter()
        .any(|step| step.guard == Guard::HostRunGuarded)
    {
        section += &item(
            "What the user's own programs would run from the project is read-only where it exists: git hooks and git \
             configuration, settings of editors and agents, .envrc. EROFS or EBUSY there is meant so. Where the task needs \
             such a change, tell the user what to change.",
        );
    }
    section += &item(&format!(
        "The home folder {}, /tmp and /var/tmp are private to this session: all but empty at the start, gone at the end.",
        facts.user.home
    ));
    if steps
        .0
        .iter()
        .any(|step| step.guard == Guard::StatePerProject)
    {
        section += &item(
            "~/.claude and ~/.claude.json are kept for this project: conversations, history, todos. The user's own settings.json, \
             CLAUDE.md, rules, commands, agents, skills, output-styles, plugins and keybindings are seen there as far as they have \
             them; these names are read-only (EROFS, EBUSY): what should change in them, the user changes on the host.",
        );
    }
    if steps.0.iter().any(|step| step.guard == Guard::LoginStore) {
        section += &item(
            "Claude Code's own login is kept beside that, in step with the user's: leave ~/.claude/.credentials.json to the client.",
        );
    }
    section += &item(
        "Programs and libraries are read-only. But for what this page names nothing else of the host exists here: no other \
         project, no other keys or tokens, no sockets, no browser, no Docker. Do not ask the user to paste a secret.",
    );
    section
}

fn network(config: &Config) -> String {
    let text = match config.tier.value {
        Tier::None => {
            "There is no network: only a loopback of this sandbox, and no name resolves. Work with what is here."
        }
        Tier::Inet => {
            "The internet is reachable, by name and by address, over TCP and UDP. The local network, VPNs, the host itself, \
             other sandboxes and cloud metadata are not: a connection there is refused at once (\"Connection refused\", for \
             UDP \"Operation not permitted\"). That is a rule and no fault of the network: do not look for a way round it. If \
             the task needs such a host, ask the user to start claudebox with `--allow HOST:PORT`, or for a service on \
             the host itself with `--host-port PORT`. Servers that you start are reachable in this sandbox alone; \
             `--publish PORT` shows one to the user's browser."
        }
        Tier::Full => {
            "You are on the host's network: the internet, the local network and services on the host's loopback are \
             reachable. Do not touch what is not part of your task."
        }
    };
    format!("## Network\n\n{}", paragraph(text))
}

fn tools(facts: &Facts) -> String {
    let mut text = String::new();
    if facts.host.usr {
        text += "Programs come from the host's /usr, read-only; sudo and the package manager cannot work here. ";
    }
    if facts.host.nix_store {
        text += "The Nix store is there, read-only, but its daemon is not reachable in this version of claudebox: nix shell, \
                 nix build and comma cannot fetch or build anything. ";
    }
    text += "If a tool is missing, use what the project's own package manager brings into the project, or ask the user to \
             install it on the host or to start claudebox with `--path-add DIR` or `--mount PATH`.";
    format!("## Tools\n\n{}", paragraph(&text))
}

fn git(config: &Config, facts: &Facts) -> String {
    let repository = match (&facts.project.git, &facts.git_identity.name, &facts.git_identity.email) {
        (Git::None, ..) => "The project is no git repository.".to_owned(),
        (Git::Left(why), ..) => format!("git does not work here: {why}."),
        (Git::Inside | Git::Linked(_), Some(name), Some(email)) => {
            let (name, email) = (crate::text::escape(name.as_ref()), crate::text::escape(email.as_ref()));
            format!("git is set up: commits carry {name} <{email}>.")
        }
        (Git::Inside | Git::Linked(_), ..) => {
            "git works; the host has no user.name and user.email, so ask the user before you commit.".to_owned()
        }
    };
    let ssh = if config.ssh.agent.is_some() {
        "The user's ssh agent is forwarded: you can sign as the user. Use it only for what you were asked to do."
    } else if !config.ssh.keys.is_empty() {
        "The user gave you an SSH key in ~/.ssh. Use it only for what you were asked to do."
    } else {
        "There is no SSH key and no ssh agent. If you need to push or clone over SSH, tell the user to do it, or to start \
         claudebox with `--with-ssh` or `--ssh-key PATH`."
    };
    let guarded = match &facts.project.git {
        Git::None | Git::Left(_) => String::new(),
        Git::Inside | Git::Linked(_) => paragraph(
            "The git configuration is read-only: `git config`, `git remote add`, the upstream of a branch, `git submodule add` \
             and `git submodule sync` fail. Push with an explicit remote and branch. A submodule that is there can be updated.",
        ),
    };
    format!(
        "## git and SSH\n\n{}{guarded}{}",
        paragraph(&repository),
        paragraph(ssh)
    )
}

fn refused(unavailable: &[Unavailable]) -> String {
    let mut section = String::from("## When something is refused\n\n");
    section += &paragraph(
        "EROFS or EACCES on a path outside the project, \"No such file\" for a file of the home folder, or a connection that \
         fails: that is the sandbox. Tell the user which path, tool or address you need. They decide with `--mount`, \
         `--env`, `--network` or a profile when they start claudebox again; `claudebox plan` shows what enters.",
    );
    for missing in unavailable {
        section += &format!(
            "\n{}",
            paragraph(&format!(
                "This host cannot give one guard: {}.",
                missing.why
            ))
        );
    }
    section
}
