//! Where claudebox refuses to start (RUN-06, FS-12, threats: FS-13), by every spelling, and where it must not refuse.

use std::path::Path;
use std::process::Command;

use crate::common::{Boxer, end, refused, stderr, stdout, tree};

/// `exec -y -- pwd` from `folder`.
fn from(boxer: &Boxer, folder: &Path) -> Command {
    let mut command = boxer.claudebox(["exec", "-y", "--", "pwd", "-P"]);
    command.current_dir(folder);
    command
}

#[test]
fn a_folder_of_secrets_or_of_the_system_is_no_project() {
    let boxer = Boxer::new();
    let home = boxer.home();
    let secret = [
        ".ssh",
        ".ssh/deep/er",
        ".config",
        ".config/nvim",
        ".claude",
        ".claude/projects",
        ".claudebox",
        ".claudebox/projects/x",
        ".aws",
        ".gnupg",
        ".password-store/x",
    ];
    let mut folders: Vec<_> = secret.iter().map(|folder| boxer.make(folder)).collect();
    folders.extend([
        home.clone(),
        home.join(".."),
        boxer.folder(),
        home.join("src/app/../.."),
    ]);
    folders.extend(
        [
            "/",
            "/usr",
            "/usr/share",
            "/etc",
            "/home",
            "/tmp",
            "/var",
            "/dev",
            "/proc",
            "/sys",
            "/opt",
        ]
        .map(Into::into),
    );
    let before = tree(&boxer.folder());
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        let said = refused(end(from(&boxer, folder)), "cannot be a project");
        assert!(!said.contains("Proceed"), "{said}");
    }
    assert_eq!(
        tree(&boxer.folder()),
        before,
        "a refusal leaves nothing behind"
    );
}

#[test]
fn a_link_to_such_a_folder_is_no_project_either() {
    let boxer = Boxer::new();
    for (target, link) in [
        (".", "src/to-home"),
        (".ssh", "src/to-ssh"),
        (".config/x", "src/to-config"),
        (".claude", "src/to-claude"),
    ] {
        let target = boxer.make(target);
        let link = boxer.link(target, link);
        refused(end(from(&boxer, &link)), "cannot be a project");
        // PWD is the caller's to set, and proves nothing.
        let mut command = from(&boxer, &link);
        command.env("PWD", boxer.project());
        refused(end(command), "cannot be a project");
    }
    // A secret place that is a link itself: what it leads to is one.
    boxer.make("elsewhere/aws/x");
    boxer.link(boxer.home().join("elsewhere/aws"), ".aws");
    refused(
        end(from(&boxer, &boxer.home().join("elsewhere/aws/x"))),
        "cannot be a project",
    );
}

#[test]
fn another_spelling_of_home_changes_nothing() {
    let boxer = Boxer::new();
    let link = boxer.link(boxer.home(), "src/home-link");
    for home in [
        link.clone(),
        boxer.home().join("src/.."),
        boxer.home().join("./"),
    ] {
        let mut command = from(&boxer, &boxer.home());
        command.env("HOME", &home);
        refused(end(command), "cannot be a project");
        let ssh = boxer.make(".ssh");
        let mut command = from(&boxer, &ssh);
        command.env("HOME", &home);
        refused(end(command), "cannot be a project");
        // The twin: the project, with the same odd HOME.
        let mut command = from(&boxer, &boxer.project());
        command.env("HOME", &home);
        end(command)
            .success()
            .stdout(format!("{}\n", boxer.project().display()));
    }
}

#[test]
fn claudebox_s_own_folder_is_no_project_wherever_it_lies() {
    let boxer = Boxer::new();
    let own = boxer.make("src/own/profiles");
    let mut command = from(&boxer, &own);
    command.env("CLAUDEBOX_HOME", boxer.home().join("src/own"));
    refused(end(command), "cannot be a project");
    let mut command = from(&boxer, &boxer.home().join("src"));
    command.env("CLAUDEBOX_HOME", boxer.home().join("src/own"));
    refused(end(command), "cannot be a project");
    end(from(&boxer, &own)).success();
}

#[test]
fn an_ordinary_folder_is_a_project() {
    let boxer = Boxer::new();
    for folder in [
        "src/app",
        "code",
        ".dotfiles",
        "src/with space",
        "src/-x",
        "src/--",
        "src/ümlaut",
    ] {
        let folder = boxer.make(folder);
        end(from(&boxer, &folder))
            .success()
            .stdout(format!("{}\n", folder.display()));
    }
    let link = boxer.link(boxer.project(), "src/link");
    let ran = end(from(&boxer, &link)).success();
    assert_eq!(
        stdout(&ran),
        format!("{}\n", boxer.project().display()),
        "a link leads to the one project"
    );
}

#[test]
fn a_repository_around_home_does_not_make_home_the_project() {
    let boxer = Boxer::new();
    boxer.git(&boxer.home(), &["init", "-q"]);
    boxer.write("secret.txt", crate::common::CANARY);
    boxer.make("src/app/sub");
    let look = "ls -A ~; ls -A ../..; cat ~/secret.txt; git rev-parse --show-toplevel; true";
    let ran = boxer.shell(look).success();
    assert!(
        !stdout(&ran).contains(crate::common::CANARY) && !stdout(&ran).contains("secret.txt"),
        "{ran}"
    );
    assert!(
        stderr(&ran).contains("the repository at"),
        "the audit says that it was left out: {ran}"
    );
    // In a subfolder of a repository the repository is the project.
    boxer.git(&boxer.project(), &["init", "-q"]);
    let mut command = boxer.claudebox(["exec", "-y", "--", "git", "rev-parse", "--show-toplevel"]);
    command.current_dir(boxer.project().join("sub"));
    end(command)
        .success()
        .stdout(format!("{}\n", boxer.project().display()));
}
