//! The launcher shows the git folder that `.git` names where that is a file, because a commit needs it. A session leaves such files in
//! folders of the project: they name keys, another project's repository, a worktree and a submodule of it, a folder of its own whose
//! `commondir` leads there. The next session is started in each of them.   (threats: PER-05, PER-04, MNT-01)
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::harness::launched::launch;
use crate::harness::{detonator, inside};
use crate::probe::*;

/// The repository of another project, with a worktree and a submodule that are real.
fn other(bait: &Bait) -> PathBuf {
    bait.folder.join("elsewhere/other-repository")
}

/// What each folder is called, and what its `.git` names.
fn pointers(bait: &Bait) -> [(&'static str, PathBuf); 9] {
    let git = other(bait).join(".git");
    [
        ("to-keys", bait.home.join(".ssh")),
        ("to-home", bait.home.clone()),
        ("to-root", "/".into()),
        ("to-repository", git.clone()),
        ("to-worktree", git.join("worktrees/tree")),
        ("to-submodule", git.join("modules/lib")),
        ("to-own-worktree", "own/worktrees/x".into()),
        ("to-own-submodule", "own/modules/x".into()),
        ("by-a-link", "led/worktrees/tree".into()),
    ]
}

/// A git folder of its own in `folder`, of which every part that leads elsewhere does.
fn own(bait: &Bait, folder: &Path) -> std::io::Result<()> {
    let git = other(bait).join(".git");
    let own = folder.join("own");
    for part in [
        "objects",
        "refs",
        "worktrees/x",
        "modules/x/objects",
        "modules/x/refs",
    ] {
        fs::create_dir_all(own.join(part))?;
    }
    fs::write(own.join("HEAD"), "ref: refs/heads/main\n")?;
    fs::write(own.join("modules/x/HEAD"), "ref: refs/heads/main\n")?;
    fs::write(
        own.join("worktrees/x/gitdir"),
        format!("{}\n", folder.join(".git").display()),
    )?;
    fs::write(
        own.join("worktrees/x/commondir"),
        format!("{}\n", git.display()),
    )?;
    fs::write(own.join("commondir"), format!("{}\n", git.display()))?;
    fs::write(
        own.join("modules/x/commondir"),
        format!("{}\n", git.display()),
    )?;
    let config = format!("[core]\n\tworktree = {}\n", git.display());
    fs::write(own.join("modules/x/config"), config)?;
    symlink(git, folder.join("led"))
}

fn plant(bait: &Bait, name: &str, to: &Path) -> std::io::Result<()> {
    let folder = bait.project.join(name);
    fs::create_dir(&folder)?;
    own(bait, &folder)?;
    fs::write(folder.join(".git"), format!("gitdir: {}\n", to.display()))
}

pub const PROBE: Probe = Probe {
    asks: "does a pointer that a session left open the repository of another project, or keys, to the next one?",
    threats: &["PER-05", "PER-04", "MNT-01"],
    // Nothing of the plan: the launcher takes no pointer that the folder does not return.
    behind: &[],
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(|lab| {
        let other = other(&lab.bait);
        fs::create_dir(&other)?;
        lab.give(&other)?;
        lab.give(&lab.bait.folder.join("elsewhere"))?;
        detonator::repository_in(lab, &other)?;
        detonator::git_in(lab, &other, &["worktree", "add", "--quiet", "../tree"]);
        // A git folder in `modules`, as a submodule's is, that names its own work tree.
        let made = "mkdir -p .git/modules lib && cp -a .git/refs .git/objects .git/HEAD .git/config lib && mv lib .git/modules/ && \
                    git config -f .git/modules/lib/config core.worktree ../../../lib";
        detonator::run_in(lab, &other, &["sh", "-c", made]);
        for part in ["worktrees/tree/gitdir", "modules/lib/HEAD"] {
            fs::metadata(other.join(".git").join(part))?;
        }
        let mark = format!("[x]\n\tmark = {}\n", lab.bait.mark);
        detonator::write(lab, &other.join(".git/description"), &mark)
    }),
    expect: Expect::Reached,
    attempt: |bait| {
        let mut seen = Seen::default();
        for (name, to) in pointers(bait) {
            seen.add(name, Act::of(plant(bait, name, &to)));
        }
        seen.and(
            "the project's own",
            inside::write(&bait.project.join("x"), "x"),
        )
    },
    then: &[Then::Host(|lab| {
        let bait = &lab.bait;
        let git = other(bait).join(".git");
        let places = [
            git.clone(),
            git.join("worktrees/tree"),
            git.join("modules/lib"),
            bait.home.join(".ssh"),
            bait.home.clone(),
        ];
        let places = places.map(|place| place.display().to_string()).join(" ");
        let script = format!(
            "for it in {places}; do echo x >$it/planted; cat $it/description $it/id_ed25519; done 2>/dev/null; true"
        );
        for (name, to) in pointers(bait) {
            let folder = bait.project.join(name);
            let line = [
                "exec",
                "--yes",
                "--network",
                "none",
                "--",
                "sh",
                "-c",
                &script,
            ];
            launch(lab, &folder, &line).started()?.without_canary(lab)?;
            // A person who was told of it does not find it either.
            let said = launch(lab, &folder, &["plan"]).started()?.said();
            if said
                .lines()
                .any(|line| line.starts_with("  rw  ") && line.contains("other-repository"))
            {
                return Err(std::io::Error::other(format!(
                    "{name}, {}: {said}",
                    to.display()
                )));
            }
        }
        // The twin: where the folder returns it, it is opened.
        let tree = other(bait).with_file_name("tree");
        let line = format!("echo x >{}/twin", git.display());
        launch(
            lab,
            &tree,
            &[
                "exec",
                "--yes",
                "--network",
                "none",
                "--",
                "sh",
                "-c",
                &line,
            ],
        )
        .started()?;
        fs::metadata(git.join("twin")).map(drop)
    })],
    harmed: |bait| {
        let git = other(bait).join(".git");
        let places = [
            git.clone(),
            git.join("worktrees/tree"),
            git.join("modules/lib"),
            bait.home.join(".ssh"),
            bait.home.clone(),
        ];
        places
            .iter()
            .find_map(|place| bait.there(&place.join("planted")))
    },
    ..Probe::USUAL
};
