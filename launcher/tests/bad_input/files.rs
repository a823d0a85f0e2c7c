//! Files of claudebox, of git and of the project that are not what they should be (ENV-D, PROF-03, threats: CFG-03, CFG-05, CFG-06).

use std::fs;
use std::time::Instant;

use crate::common::{Boxer, CANARY, stdout};
use crate::{AT_ONCE, EXEC, NO_FILES, fifo, refused_at_once};

#[test]
fn a_bad_line_of_an_env_file_is_named_and_not_shown() {
    let boxer = Boxer::new();
    for (text, place) in [
        (format!("GOOD=1\n{CANARY}\n"), "line 2, column 1"),
        (format!("\n\n  export X={CANARY}"), "line 3, column 3"),
        (format!("X=\"{CANARY}\n"), "line 1, column 3"),
        (format!("1X={CANARY}"), "line 1, column 1"),
        (format!("X={CANARY}\0"), "line 1"),
        (format!("\u{feff}X={CANARY}"), "line 1, column 1"),
        (format!("X={CANARY}\nX={CANARY}\n"), "line 2, column 1"),
        (format!("X Y={CANARY}"), "line 1, column 1"),
    ] {
        boxer.write(".claudebox/env", &text);
        let said = refused_at_once(boxer.claudebox(EXEC), ".claudebox/env");
        assert!(said.contains(place), "no `{place}` for {text:?}:\n{said}");
    }
    // The twin: the format's corners that are good, arriving byte for byte.
    boxer.write(
        ".claudebox/env",
        b"# c\n\n  A='x y'\nB=a=b#c\r\nC=\"$HOME `id`\"\nD=\nE=\xff\xfe",
    );
    let shown = boxer
        .shell("printf '%s|' \"$A\" \"$B\" \"$C\" \"$D\" \"$E\"")
        .success();
    assert_eq!(
        shown.get_output().stdout,
        b"x y|a=b#c|$HOME `id`||\xff\xfe|"
    );
}

#[test]
fn what_is_no_small_file_is_no_env_file_and_no_profile() {
    for (place, flags) in [
        (".claudebox/env", &["exec", "-y"][..]),
        ("src/app/.claudebox.env", &["exec", "-y"]),
        ("src/app/.claudebox.json", &["exec", "-y"]),
        (".claudebox/config.json", &["exec", "-y"]),
        (
            ".claudebox/profiles/p.json",
            &["exec", "-y", "--profile", "p"],
        ),
    ] {
        for (what, plant) in NO_FILES {
            let boxer = Boxer::new();
            plant(&boxer, place);
            let command = boxer.claudebox(flags.iter().chain(&["--", "true"]));
            let said = refused_at_once(command, "was not read");
            assert!(
                said.contains(place.rsplit('/').next().expect("a name")),
                "{what} at {place}:\n{said}"
            );
        }
    }
    for (what, plant) in NO_FILES {
        let boxer = Boxer::new();
        boxer.write("src/app/.claudebox.env", "A=1\n");
        plant(&boxer, ".claudebox/trust.json");
        let said = refused_at_once(boxer.claudebox(EXEC), "trust.json");
        assert!(said.contains("hint: "), "{what}:\n{said}");
    }
}

#[test]
fn a_project_s_env_file_that_is_a_link_to_a_secret_is_not_read() {
    let boxer = Boxer::new();
    let secret = boxer.write(".netrc", format!("machine x password {CANARY}\n"));
    boxer.link(secret, "src/app/.claudebox.env");
    refused_at_once(boxer.claudebox(EXEC), "symbolic link");
}

#[test]
fn a_git_file_of_any_kind_hangs_nothing() {
    for (what, plant) in NO_FILES {
        let boxer = Boxer::new();
        plant(&boxer, "src/app/.git");
        let began = Instant::now();
        let ran = boxer
            .run(["exec", "-y", "--", "echo", "ran"])
            .success()
            .stdout("ran\n");
        assert!(began.elapsed() < AT_ONCE, "{what}: {ran}");
    }
    for (what, plant) in NO_FILES {
        let boxer = Boxer::new();
        plant(&boxer, ".gitconfig");
        let began = Instant::now();
        boxer
            .run(["exec", "-y", "--", "echo", "ran"])
            .success()
            .stdout("ran\n");
        assert!(began.elapsed() < AT_ONCE, "{what} as ~/.gitconfig");
    }
    // What the pointers of a linked worktree name may be no files either.
    let boxer = Boxer::new();
    boxer.write(
        "src/app/.git",
        format!("gitdir: {}\n", boxer.home().join("other").display()),
    );
    fifo(&boxer, "other/gitdir");
    fifo(&boxer, "other/commondir");
    fifo(&boxer, "other/config");
    let began = Instant::now();
    boxer
        .run(["exec", "-y", "--", "echo", "ran"])
        .success()
        .stdout("ran\n");
    assert!(began.elapsed() < AT_ONCE);
    fs::remove_file(boxer.home().join("other/gitdir")).expect("it is there");
    let began = Instant::now();
    boxer
        .run(["exec", "-y", "--", "echo", "ran"])
        .success()
        .stdout("ran\n");
    assert!(
        began.elapsed() < AT_ONCE,
        "a FIFO as the configuration of a submodule"
    );
}

#[test]
fn a_hostile_identity_stays_one_line_of_git_s_configuration() {
    let boxer = Boxer::new();
    boxer.git(&boxer.project(), &["init", "-q"]);
    boxer.write(".gitconfig", "[user]\n\tname = \"Ann \\\"[core]\\n\\tfsmonitor = touch planted\\n\"\n\temail = \"a]b#c;d\\\\ e@x\"\n");
    let ran = boxer
        .shell("set -e; git config --list; git status --short")
        .success();
    assert!(!stdout(&ran).contains("core.fsmonitor"), "{ran}");
    assert!(!boxer.project().join("planted").exists());
    assert!(stdout(&ran).contains("user.email=a]b#c;d\\ e@x\n"), "{ran}");
}
#[test]
fn a_value_too_long_for_execve_is_refused() {
    let boxer = Boxer::new();
    boxer.write(
        ".claudebox/env",
        format!("BIG={CANARY}{}\n", "x".repeat(131_072)),
    );
    let said = refused_at_once(boxer.claudebox(EXEC), "the value of `BIG`");
    assert!(said.len() < 10_000, "the value is not shown");
}
