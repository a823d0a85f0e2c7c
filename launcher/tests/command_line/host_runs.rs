//! What the host runs later is read-only inside, git works all the same, and nothing is left on the host by guarding it (FS-I,
//! threats: PER-01 to PER-08, RES-11).

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use claudebox::hostrun::{Base, Entry, LIST};

use crate::common::{Boxer, stdout, tree, tree_without_state};

/// What a day with git is, step by step. It stops at the first that fails.
const DAY: &str = r#"
    git switch -q -c topic
    echo one >one; git add one; git commit -qm one
    echo two >two; git add two; git commit -qm two
    git switch -q main
    echo three >three; git add three; git commit -qm three
    git switch -q topic
    git rebase -q main
    echo wip >>one; git stash -q; git stash pop -q; git checkout -q -- one
    git switch -q main
    git merge -q --no-ff -m merged topic
    git tag v1
    git fetch -q . main:fetched
    git reset -q --hard HEAD~1; git reset -q --hard ORIG_HEAD
    git cherry-pick -x topic~1 >/dev/null 2>&1 || git cherry-pick --abort
    git worktree add -q --detach inner
    git -C inner commit -q --allow-empty -m inner
    git worktree remove inner
    git gc -q --prune=now
    git repack -qad
    git fsck --strict --no-progress
    git status --short
"#;

/// A repository with a commit, a submodule and a linked worktree.
fn repository(boxer: &Boxer) {
    boxer.write(
        ".gitconfig",
        "[user]\n\tname = Ann\n\temail = ann@example.org\n[protocol \"file\"]\n\tallow = always\n",
    );
    let (upstream, project) = (boxer.make("src/upstream"), boxer.project());
    for repository in [&upstream, &project] {
        boxer.git(repository, &["init", "-q", "-b", "main"]);
        boxer.write(repository.join("README"), "text\n");
        boxer.git(repository, &["add", "README"]);
        boxer.git(repository, &["commit", "-qm", "first"]);
    }
    let upstream = upstream.to_str().expect("a plain path");
    boxer.git(&project, &["submodule", "--quiet", "add", upstream, "sub"]);
    boxer.git(&project, &["commit", "-qm", "with a submodule"]);
    boxer.git(&project, &["worktree", "add", "-q", "-b", "fix", "../fix"]);
}

/// Each entry of the list that is guarded, with a file to write where it is a folder.
fn guarded(boxer: &Boxer) -> Vec<PathBuf> {
    let entries = LIST
        .iter()
        .filter(|entry| entry.guarded && entry.pattern != ".git");
    let path = |entry: &Entry| {
        let base = match entry.base {
            Base::Project => boxer.project(),
            Base::Git => boxer.project().join(".git"),
        };
        let at = base.join(entry.pattern.replace('*', "fix"));
        let folders = ["hooks", "plugins", "info", ".idea", ".claudebox"];
        match at.file_name().and_then(|name| name.to_str()) {
            Some("modules") => at.join("sub/config"),
            Some(name) if folders.contains(&name) => at.join("inner"),
            _ => at,
        }
    };
    entries.map(path).collect()
}

#[test]
fn everything_that_the_list_calls_guarded_is_and_none_of_its_folders_can_be_moved() {
    let boxer = Boxer::new();
    repository(&boxer);
    let files = guarded(&boxer);
    assert!(files.len() > 20, "{files:?}");
    for file in files.iter().filter(|file| !file.exists()) {
        let text = match file.file_name().and_then(|name| name.to_str()) {
            // It leads to itself.
            Some("commondir") => ".\n",
            Some(".claudebox.json") => "{}\n",
            _ => "# text\n",
        };
        boxer.write(file, text);
    }
    let mut script = String::new();
    for file in &files {
        let file = file.display();
        script += &format!("(echo >>{file}) 2>/dev/null && echo wrote {file}\n");
        script += &format!("rm -f {file} 2>/dev/null && echo removed {file}\n");
        script +=
            &format!("touch beside; mv -f beside {file} 2>/dev/null && echo replaced {file}\n");
    }
    let project = boxer.project();
    let above = |file: &PathBuf| -> Vec<PathBuf> {
        let above = file
            .ancestors()
            .skip(1)
            .take_while(|above| **above != project);
        above.map(Path::to_owned).collect()
    };
    for folder in files.iter().flat_map(above).collect::<BTreeSet<_>>() {
        // Beside it, so that it is the folder that refuses, and not another file system.
        let folder = folder.display();
        script += &format!("mv -T {folder} {folder}.moved 2>/dev/null && echo moved {folder}\n");
    }
    boxer.run(["trust"]).success();
    let before = tree(&boxer.project());
    assert_eq!(boxer.inside(&[], &(script + "rm -f beside")), "");
    assert!(tree(&boxer.project()) == before);
}

#[test]
fn git_works_where_its_configuration_and_hooks_are_read_only() {
    let boxer = Boxer::new();
    repository(&boxer);
    let config = |path: &str| fs::read(boxer.project().join(path)).expect("it is there");
    let before = [".git/config", ".git/modules/sub/config"].map(config);
    let day = format!(
        "set -e{DAY}\n cd sub; git switch -q -c topic; echo sub >sub; git add sub; git commit -qm sub; git gc -q; \
         cd ..; git submodule --quiet update; git -C sub rev-parse HEAD >is; git rev-parse :sub >wanted; cmp is wanted; \
         rm is wanted; git submodule --quiet update --init --recursive; git status --short; git fsck --strict --no-progress"
    );
    let ran = boxer.inside(
        &["--network", "none"],
        &format!("({day}) 2>&1 || echo failed"),
    );
    assert_eq!(ran, "", "git says nothing, and fails nowhere");
    assert_eq!(
        [".git/config", ".git/modules/sub/config"].map(config),
        before
    );
    boxer.git(&boxer.project(), &["fsck", "--strict"]);
}

#[test]
fn git_works_in_a_worktree_whose_common_folder_is_guarded() {
    let boxer = Boxer::new();
    repository(&boxer);
    let fix = boxer.home().join("src/fix");
    let common = boxer.project().join(".git");
    let script = format!(
        "echo inner >inner; git add inner; git commit -qm inner; git gc -q; git status --short; \
         for file in {0}/config {0}/hooks/x {0}/info/x {0}/worktrees/fix/gitdir {0}/modules/sub/config .git; do \
         (echo >>$file) 2>/dev/null && echo wrote $file; done; mv {0}/worktrees {0}/other 2>/dev/null && echo moved; true",
        common.display()
    );
    let mut command = boxer.claudebox([
        "exec",
        "-y",
        "--network",
        "none",
        "--",
        "sh",
        "-ec",
        &script,
    ]);
    command.current_dir(&fix);
    assert_eq!(stdout(&crate::common::end(command).success()), "");
    let log = boxer.git(&fix, &["log", "-1", "--format=%s"]);
    assert_eq!(log, "inner\n");
}

#[test]
fn a_write_to_the_configuration_is_refused_and_leaves_nothing() {
    let boxer = Boxer::new();
    repository(&boxer);
    let before = tree(&boxer.project());
    let ran = boxer.inside(
        &[],
        "git config core.fsmonitor ./x 2>/dev/null && echo written; \
         git -C sub config core.fsmonitor ./x 2>/dev/null && echo written; \
         git remote add other ../x 2>/dev/null && echo written; \
         git -C sub config core.worktree ../x 2>/dev/null && echo written; \
         git submodule --quiet sync 2>/dev/null && echo written; true",
    );
    assert_eq!(ran, "");
    assert!(tree(&boxer.project()) == before, "no lock, no other file");
}

/// A git folder as git takes it for one.
fn module(at: &Path) {
    for folder in ["objects", "refs", "hooks"] {
        fs::create_dir_all(at.join(folder)).expect("a folder");
    }
    for (file, text) in [("HEAD", "ref: refs/heads/main\n"), ("config", "[core]\n")] {
        fs::write(at.join(file), text).expect("a file");
    }
}

#[test]
fn too_many_git_folders_are_closed_as_a_whole_and_the_audit_says_so() {
    let boxer = Boxer::new();
    repository(&boxer);
    let modules = boxer.project().join(".git/modules");
    for number in 0..400 {
        module(&modules.join(format!("group/deep{number}")));
    }
    boxer.own(&modules);
    let ran = boxer.shell(
        "for file in group/deep7/hooks/x group/deep399/config sub/HEAD new; do \
         (echo >>.git/modules/$file) 2>/dev/null && echo wrote $file; done; \
         grep -c /modules /proc/self/mountinfo",
    );
    let ran = ran.success();
    assert_eq!(stdout(&ran), "1\n");
    let said = crate::common::stderr(&ran);
    assert!(said.contains("too many to guard each"), "{said}");
}

#[test]
fn what_is_no_file_and_what_is_a_link_is_said_and_mounted_nowhere() {
    let boxer = Boxer::new();
    repository(&boxer);
    let at = |name: &str| boxer.project().join(name);
    let outside = boxer.make("outside");
    boxer.write("outside/settings.json", "{}\n");
    symlink(&outside, at(".claude")).expect("a link");
    symlink(outside.join("nothing"), at(".envrc")).expect("a link");
    fs::remove_dir_all(at(".git/hooks")).expect("it goes");
    symlink("../hooks", at(".git/hooks")).expect("a link");
    boxer.write(at("hooks/pre-commit"), "#!/bin/sh\n");
    nix::unistd::mkfifo(&at(".mcp.json"), nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    boxer.own(&boxer.project());
    let before = tree_without_state(&boxer.home());
    let ran = boxer
        .run([
            "exec",
            "-y",
            "--",
            "grep",
            "-c",
            "src/app/.git",
            "/proc/self/mountinfo",
        ])
        .success();
    assert!(
        tree_without_state(&boxer.home()) == before,
        "nothing was made"
    );
    let said = crate::common::stderr(&ran);
    for (path, why) in [
        (".claude/settings.json", "a link"),
        (".envrc", "a link"),
        (".git/hooks", "a link"),
        (".mcp.json", "neither a file nor a folder"),
    ] {
        let line = said
            .lines()
            .find(|line| line.contains(&format!("rw  {path} ")));
        assert!(
            line.is_some_and(|line| line.contains(why)),
            "{path}: {said}"
        );
    }
}
