//! git folders that lie elsewhere than in `.git`: bare, of a worktree, of a submodule, in a place of their own (FS-H, threats: PER-05,
//! PER-07). A commit works, and what git runs there is read-only.

use std::fs;

use crate::common::{end, refused, stderr, stdout};
use crate::git::{COMMIT, inside, with_repository};

/// git-init(1), --separate-git-dir: nothing there names the project back, so a person has to say it.
#[test]
fn a_git_folder_of_its_own_place_enters_by_a_grant_and_is_guarded() {
    let (boxer, repository) = with_repository("src/app");
    let folder = boxer.home().join("gits/app.git");
    boxer.make("gits");
    let to = format!("--separate-git-dir={}", folder.display());
    boxer.git(&repository, &["init", "-q", &to]);
    let look = format!("ls -A {} 2>&1 || true", boxer.home().join("gits").display());
    let ran = inside(&boxer, &repository, &look).success();
    assert!(stdout(&ran).contains("No such file"), "{ran}");
    let advice = format!("--mount {}:rw", folder.display());
    assert!(stderr(&ran).contains(&advice), "{ran}");
    assert!(
        !stderr(&ran).contains("app.git/hooks"),
        "of what stays outside nothing is told: {ran}"
    );

    let script = format!(
        "{COMMIT}; for it in hooks/post-commit config; do echo x >>{}/$it || true; done",
        folder.display()
    );
    let mount = format!("{}:rw", folder.display());
    let mut command =
        boxer.claudebox(["exec", "-y", "--mount", &mount, "--", "sh", "-ec", &script]);
    command.current_dir(&repository);
    let ran = end(command).success();
    assert_eq!(stdout(&ran), "Ann Lee <ann@example.org>\n");
    assert_eq!(
        boxer.git(&repository, &["log", "-1", "--format=%s"]),
        "made inside\n"
    );
    assert!(!folder.join("hooks/post-commit").exists());
    let config = fs::read_to_string(folder.join("config")).expect("it is there");
    assert!(!config.ends_with("x\n"), "{config}");
}

#[test]
fn a_worktree_of_a_bare_repository_commits() {
    let (boxer, upstream) = with_repository("src/upstream");
    let bare = boxer.home().join("src/app.git");
    let (from, to) = (upstream.display().to_string(), bare.display().to_string());
    boxer.git(&upstream, &["clone", "-q", "--bare", &from, &to]);
    // Beside it, and in it.
    for tree in ["src/beside", "src/app.git/within"] {
        let tree = boxer.home().join(tree);
        let name = tree
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        boxer.git(
            &bare,
            &[
                "worktree",
                "add",
                "-q",
                "-b",
                &name,
                &tree.display().to_string(),
            ],
        );
        let ran = inside(
            &boxer,
            &tree,
            &format!("{COMMIT}; echo x >>{to}/hooks/post-commit || true; ls -A ~/src"),
        )
        .success();
        let seen = stdout(&ran);
        assert!(
            seen.starts_with("Ann Lee <ann@example.org>\napp.git\n") && !seen.contains("upstream"),
            "{ran}"
        );
        assert_eq!(
            boxer.git(&bare, &["log", "-1", "--format=%s", &name]),
            "made inside\n"
        );
        assert!(!bare.join("hooks/post-commit").exists());
    }
}

#[test]
fn a_bare_repository_as_the_project_keeps_its_hooks() {
    let (boxer, upstream) = with_repository("src/upstream");
    let bare = boxer.home().join("src/app.git");
    boxer.git(
        &upstream,
        &[
            "clone",
            "-q",
            "--bare",
            &upstream.display().to_string(),
            &bare.display().to_string(),
        ],
    );
    let script = "git branch made-inside; echo x >hooks/post-update || true; echo x >>config || true; mv hooks kept 2>/dev/null || true";
    inside(&boxer, &bare, script).success();
    assert!(boxer.git(&bare, &["branch"]).contains("made-inside"));
    assert!(!bare.join("hooks/post-update").exists() && bare.join("hooks").is_dir());
    let config = fs::read_to_string(bare.join("config")).expect("it is there");
    assert!(!config.ends_with("x\n"), "{config}");
}

#[test]
fn a_worktree_of_a_submodule_and_a_submodule_of_a_worktree_commit() {
    let (boxer, upstream) = with_repository("src/upstream");
    let repository = boxer.make("src/app");
    let upstream = upstream.display().to_string();
    boxer.git(&repository, &["init", "-q", "-b", "main"]);
    let allow = "protocol.file.allow=always";
    boxer.git(
        &repository,
        &["-c", allow, "submodule", "--quiet", "add", &upstream, "sub"],
    );
    boxer.git(&repository, &["commit", "-qm", "with a submodule"]);
    let of_module = boxer.home().join("src/sub-fix");
    boxer.git(
        &repository.join("sub"),
        &[
            "worktree",
            "add",
            "-q",
            "-b",
            "fix",
            &of_module.display().to_string(),
        ],
    );
    let tree = boxer.home().join("src/app-fix");
    boxer.git(
        &repository,
        &[
            "worktree",
            "add",
            "-q",
            "-b",
            "fix",
            &tree.display().to_string(),
        ],
    );
    boxer.git(
        &tree,
        &["-c", allow, "submodule", "--quiet", "update", "--init"],
    );
    for folder in [of_module, tree.join("sub")] {
        let ran = inside(
            &boxer,
            &folder,
            &format!("git checkout -q --detach; {COMMIT}; ls -A ~/src/app"),
        )
        .success();
        assert_eq!(
            stdout(&ran),
            "Ann Lee <ann@example.org>\n.git\n",
            "{}",
            folder.display()
        );
        assert_eq!(
            boxer.git(&folder, &["log", "-1", "--format=%s"]),
            "made inside\n"
        );
    }
}

#[test]
fn a_worktree_whose_repository_lies_among_secrets_is_refused() {
    let (boxer, store) = with_repository(".password-store");
    let tree = boxer.home().join("src/fix");
    boxer.git(
        &store,
        &[
            "worktree",
            "add",
            "-q",
            "-b",
            "fix",
            &tree.display().to_string(),
        ],
    );
    let mut command = boxer.claudebox(["exec", "-y", "--", "true"]);
    command.current_dir(&tree);
    refused(end(command), "the git folder");
}

/// A worktree that a session registers opens the repository to a session elsewhere which agrees: so it is told.
#[test]
fn a_worktree_that_a_session_registers_is_told() {
    let (boxer, repository) = with_repository("src/app");
    let other = boxer.make("src/other");
    let script = format!(
        "mkdir -p .git/worktrees/x; echo {0}/.git >.git/worktrees/x/gitdir; echo ../.. >.git/worktrees/x/commondir; cp .git/HEAD .git/worktrees/x",
        other.display()
    );
    let ran = inside(&boxer, &repository, &script).success();
    assert!(stderr(&ran).contains(".git/worktrees/x/gitdir"), "{ran}");
    // What it opens is shown before the start, too.
    boxer.write(
        other.join(".git"),
        format!("gitdir: {}/.git/worktrees/x\n", repository.display()),
    );
    let ran = inside(&boxer, &other, "true").success();
    let shown = format!("  rw  {}/.git", repository.display());
    assert!(stderr(&ran).contains(&shown), "{ran}");
}
