//! A good part of what stands in a git configuration is a command line. Each of these keys is the agent's to set, by writing into
//! the file and by git's own way, a lock file that is renamed.   (threats: PER-02)
use std::fmt::Write;
use std::fs;

use crate::harness::detonator;
use crate::harness::inside;
use crate::probe::*;

/// Section, key, and what is done with git until the command runs.
const KEYS: [(&str, &str, &str); 14] = [
    ("core", "fsmonitor", "git status"),
    ("core", "editor", "git commit --allow-empty"),
    ("core", "sshCommand", "git fetch ssh://host.invalid/x"),
    ("core", "gitProxy", "git fetch git://host.invalid/x"),
    ("diff", "external", "git diff"),
    ("filter \"a\"", "clean", "git add text"),
    ("filter \"a\"", "smudge", "git checkout HEAD -- text"),
    ("diff \"a\"", "textconv", "git diff --no-ext-diff HEAD"),
    (
        "merge \"a\"",
        "driver",
        "git checkout -qf main; git merge theirs",
    ),
    (
        "credential",
        "helper",
        "printf 'protocol=https\\nhost=x.invalid\\n\\n' | git credential fill",
    ),
    (
        "gpg",
        "program",
        "git commit --gpg-sign --allow-empty --message=x",
    ),
    ("alias", "st", "git st"),
    ("remote \"a\"", "uploadpack", "git fetch a"),
    (
        "sequence",
        "editor",
        "plain='git -c filter.a.clean=cat -c filter.a.smudge=cat'; $plain reset -q --hard; $plain rebase -i HEAD~1",
    ),
];

fn name(section: &str, key: &str) -> String {
    format!("{}.{key}", section.replace(" \"", ".").replace('"', ""))
}

/// The keys, each with a command that tells its name.
fn hostile(bait: &Bait) -> String {
    let mut text = String::new();
    for (section, key, _) in KEYS {
        let command = detonator::command(bait, &name(section, key));
        let command = match (section, key) {
            ("credential", _) | ("alias", _) => format!("!{command}; :"),
            // git runs these as programs, or gives them arguments of its own.
            ("gpg", _) | (_, "gitProxy") => bait.project.join("prog").display().to_string(),
            _ => format!("{command}; : "),
        };
        let command = command.replace('"', "\\\"");
        let _ = writeln!(text, "[{section}]\n\t{key} = \"{command}\"");
    }
    text += "[remote \"a\"]\n\turl = .\n";
    text
}

pub const PROBE: Probe = Probe {
    asks: "does a command run on the host that was written into the git configuration?",
    threats: &["PER-02"],
    behind: &[Guard::HostRunGuarded],
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(|lab| {
        detonator::repository(lab)?;
        // What a user has who lets git show the differences of documents, and a branch to be merged.
        let attributes = lab.bait.project.join(".gitattributes");
        detonator::write(lab, &attributes, "text filter=a diff=a merge=a\n")?;
        detonator::git(lab, &["add", ".gitattributes"]);
        detonator::git(lab, &["commit", "--quiet", "--message=attributes"]);
        detonator::shell(
            lab,
            "git checkout -qb theirs; echo theirs >text; git commit -qam theirs; \
             git checkout -q main; echo ours >text; git commit -qam ours",
        );
        Ok(())
    }),
    then: &[
        Then::Host(|lab| {
            for (_, _, line) in KEYS {
                detonator::shell(lab, &format!("echo >>text; {line}"));
            }
            Ok(())
        }),
        Then::Host(|lab| {
            let names: Vec<String> = KEYS
                .iter()
                .map(|(section, key, _)| name(section, key))
                .collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            detonator::all_or_none(lab, &names)
        }),
    ],
    expect: Expect::Exactly(|_| {
        Seen::one("written", Act::errno(Errno::EROFS))
            .and("by a lock file", Act::errno(Errno::EBUSY))
    }),
    attempt: |bait| {
        let config = bait.project.join(".git/config");
        let lock = bait.project.join(".git/config.lock");
        // It tells its own name apart by what git asks of it.
        let program = format!(
            "#!/bin/sh\ncase \"$*\" in *-bsau*) {};; *) {};; esac\n",
            detonator::command(bait, "gpg.program"),
            detonator::command(bait, "core.gitProxy"),
        );
        let program = inside::write_program(&bait.project.join("prog"), &program);
        if program != Act::Reached {
            return Seen::one("a program", Act::Broken(program.to_string()));
        }
        let whole = fs::read_to_string(&config).unwrap_or_default() + &hostile(bait);
        Seen::one("written", inside::append(&config, "# written inside\n")).and(
            "by a lock file",
            Act::of(fs::write(&lock, whole).and_then(|()| fs::rename(&lock, &config))),
        )
    },
    harmed: super::programs_of_path::ran,
    ..Probe::USUAL
};
