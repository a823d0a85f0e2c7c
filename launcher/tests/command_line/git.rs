//! git works inside, with the host's identity and nothing else of its configuration; a `.git` that points elsewhere
//! opens nothing (FS-H, threats: PER-05).

use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use crate::common::{Boxer, CANARY, end, is_root, stderr, stdout};

pub(crate) const COMMIT: &str = "echo inside > made-inside; git add made-inside; git commit -qm 'made inside'; git log -1 --format='%an <%ae>'";

/// A caller with a name, and a repository with one commit at `folder` of the home.
pub(crate) fn with_repository(folder: &str) -> (Boxer, PathBuf) {
    let boxer = Boxer::new();
    boxer.write(".gitconfig", format!("[user]\n\tname = Ann Lee\n\temail = ann@example.org\n[credential]\n\thelper = !echo {CANARY}\n"));
    let repository = boxer.make(folder);
    boxer.git(&repository, &["init", "-q", "-b", "main"]);
    boxer.write(repository.join("README"), "outside\n");
    boxer.git(&repository, &["add", "README"]);
    boxer.git(&repository, &["commit", "-qm", "outside"]);
    (boxer, repository)
}

/// `sh -ec script` inside, started in `folder`.
pub(crate) fn inside(boxer: &Boxer, folder: &Path, script: &str) -> assert_cmd::assert::Assert {
    let mut command = boxer.claudebox(["exec", "-y", "--", "sh", "-ec", script]);
    command.current_dir(folder);
    end(command)
}

#[test]
fn a_commit_carries_the_host_s_name_and_nothing_else_of_its_configuration() {
    let (boxer, repository) = with_repository("src/app");
    let ran = inside(&boxer, &repository, COMMIT).success();
    assert_eq!(stdout(&ran), "Ann Lee <ann@example.org>\n");
    let log = boxer.git(&repository, &["log", "-1", "--format=%s by %an"]);
    assert_eq!(log, "made inside by Ann Lee\n", "the commit is on the host");
    boxer.git(&repository, &["fsck", "--strict"]);
    let ran = inside(&boxer, &repository, "git config --list --show-origin").success();
    assert!(
        !stdout(&ran).contains(CANARY) && !stdout(&ran).contains("credential"),
        "{ran}"
    );
    let safe = format!("safe.directory={}\n", repository.display());
    assert!(stdout(&ran).contains(&safe), "{ran}");
}

#[test]
fn a_repository_of_another_owner_is_safe_inside() {
    let (boxer, repository) = with_repository("src/app");
    if !is_root() {
        // Only root can give files away. What git is told is tested above.
        let ran = inside(&boxer, &repository, "git config --get safe.directory").success();
        assert_eq!(stdout(&ran), format!("{}\n", repository.display()));
        return;
    }
    for path in [repository.clone(), repository.join(".git")] {
        lchown(&path, Some(0), Some(0)).expect("root gives files away");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).expect("chmod");
    }
    let mut command = boxer.command("git");
    command.args(["status", "--short"]).current_dir(&repository);
    let outside = end(command).failure();
    assert!(
        stderr(&outside).contains("dubious ownership"),
        "the twin: without safe.directory git refuses: {outside}"
    );
    inside(&boxer, &repository, "git status --short").success();
}

#[test]
fn a_linked_worktree_commits_and_sees_nothing_more() {
    let (boxer, repository) = with_repository("src/app");
    let tree = boxer.home().join("src/fix");
    boxer.git(
        &repository,
        &[
            "worktree",
            "add",
            "-q",
            "-b",
            "fix",
            tree.to_str().expect("a plain path"),
        ],
    );
    boxer.write(repository.join("uncommitted"), CANARY);
    let ran = inside(
        &boxer,
        &tree,
        &format!(
            "{COMMIT}; ls -A {0}; test ! -e {0}/uncommitted",
            repository.display()
        ),
    )
    .success();
    assert_eq!(
        stdout(&ran),
        "Ann Lee <ann@example.org>\n.git\n",
        "of the main tree, the git folder alone"
    );
    assert_eq!(
        boxer.git(&repository, &["log", "-1", "--format=%s", "fix"]),
        "made inside\n"
    );
}

#[test]
fn a_submodule_commits_and_sees_nothing_more() {
    let (boxer, upstream) = with_repository("src/upstream");
    let repository = boxer.make("src/app");
    boxer.git(&repository, &["init", "-q"]);
    let upstream = upstream.to_str().expect("a plain path");
    boxer.git(
        &repository,
        &[
            "-c",
            "protocol.file.allow=always",
            "submodule",
            "--quiet",
            "add",
            upstream,
            "sub",
        ],
    );
    boxer.git(&repository, &["commit", "-qm", "with a submodule"]);
    let module = repository.join("sub");
    let ran = inside(
        &boxer,
        &module,
        &format!(
            "{COMMIT}; ls -A {0} {0}/.git {0}/.git/modules",
            repository.display()
        ),
    )
    .success();
    let expected = format!(
        "Ann Lee <ann@example.org>\n{0}:\n.git\nsub\n\n{0}/.git:\nmodules\n\n{0}/.git/modules:\nsub\n",
        repository.display()
    );
    assert_eq!(
        stdout(&ran),
        expected,
        "of the outer repository, the module's folder alone"
    );
    assert_eq!(
        boxer.git(&module, &["log", "-1", "--format=%s"]),
        "made inside\n"
    );
}

#[test]
fn a_git_file_that_points_at_another_repository_opens_nothing() {
    let (boxer, victim) = with_repository("src/victim");
    boxer.write(victim.join(".git/canary"), CANARY);
    let tree = boxer.home().join("src/victim-fix");
    boxer.git(
        &victim,
        &[
            "worktree",
            "add",
            "-q",
            "-b",
            "fix",
            tree.to_str().expect("a plain path"),
        ],
    );
    boxer.write(".ssh/canary", CANARY);
    let git = victim.join(".git");
    let home = boxer.home();
    let pointers = [
        git.clone(),
        git.join("worktrees/victim-fix"),
        PathBuf::from("../victim/.git"),
        home.join(".ssh"),
        home.clone(),
        PathBuf::from("/"),
        git.join("../.git/worktrees/../worktrees/victim-fix"),
    ];
    let look = format!(
        "cat {0}/canary {0}/worktrees/*/HEAD ~/.ssh/canary 2>/dev/null || true; ls -A ~/src",
        git.display()
    );
    for pointer in &pointers {
        boxer.write("src/app/.git", format!("gitdir: {}\n", pointer.display()));
        let ran = inside(&boxer, &boxer.project(), &look).success();
        assert_eq!(stdout(&ran), "app\n", "{}", pointer.display());
        assert!(
            stderr(&ran).contains("git: "),
            "the audit says why git does not work: {ran}"
        );
    }
    // A link in place of the file, and of the folder.
    fs::remove_file(boxer.project().join(".git")).expect("it is there");
    boxer.link(&git, "src/app/.git");
    let ran = inside(&boxer, &boxer.project(), &look).success();
    assert_eq!(stdout(&ran), "app\n");
    // The twin: the worktree that is registered does open it, so the look above would have seen the canary.
    let ran = inside(&boxer, &tree, &look).success();
    assert!(stdout(&ran).contains(CANARY), "{ran}");
}

#[test]
fn a_forged_worktree_in_the_project_opens_nothing() {
    let (boxer, victim) = with_repository("src/victim");
    boxer.write(victim.join(".git/canary"), CANARY);
    // All in the project: a git folder of the agent's making whose `commondir` names the victim.
    boxer.write("src/app/.git", "gitdir: forged/worktrees/x\n");
    boxer.write(
        "src/app/forged/worktrees/x/gitdir",
        format!("{}/.git\n", boxer.project().display()),
    );
    for common in [
        victim.join(".git").display().to_string(),
        "../../../../victim/.git".into(),
        "../..".into(),
    ] {
        boxer.write(
            "src/app/forged/worktrees/x/commondir",
            format!("{common}\n"),
        );
        let ran = inside(
            &boxer,
            &boxer.project(),
            "ls -A ~/src; cat ~/src/victim/.git/canary 2>/dev/null || true",
        )
        .success();
        assert_eq!(stdout(&ran), "app\n", "{common}");
    }
}

/// What an earlier session could write need not be a repository to look like a part of one.
#[test]
fn a_folder_that_is_no_repository_is_not_opened_as_one() {
    let (boxer, _) = with_repository("src/app");
    let (project, home) = (boxer.project(), boxer.home());
    let git = project.join(".git");
    fs::rename(&git, project.join("was-git")).expect("moving the git folder away");
    boxer.write("src/shelf/canary", CANARY);
    boxer.write("src/shelf/worktrees/x/commondir", "../..\n");
    let back = format!("{}\n", git.display());
    boxer.write("src/shelf/worktrees/x/gitdir", back);
    boxer.write("src/shelf/modules/y/canary", CANARY);
    let config = format!("[core]\n\tworktree = {}\n", project.display());
    boxer.write("src/shelf/modules/y/config", config);
    for part in ["worktrees/x", "modules/y"] {
        let pointer = home.join("src/shelf").join(part);
        boxer.write("src/app/.git", format!("gitdir: {}\n", pointer.display()));
        let ran = inside(&boxer, &project, "ls -A ~/src").success();
        assert_eq!(stdout(&ran), "app\n", "{part}");
        assert!(stderr(&ran).contains("git: "), "{ran}");
    }
}
