//! Secrets of the project are found and listed, and what `--hide` names is unreadable under every name that it has (FS-J).

use std::fs;
use std::os::unix::fs::symlink;

use crate::common::{Boxer, CANARY, refused, stderr, stdout};

fn boxer() -> Boxer {
    let boxer = Boxer::new();
    boxer.write("src/app/config/.env", CANARY);
    boxer.write("src/app/keys/deep/key", CANARY);
    boxer.write("src/app/file", "content\n");
    boxer
}

/// What `look` shows inside with these flags, whether it worked or not.
fn shown(boxer: &Boxer, flags: &[&str], look: &str) -> String {
    let line = ["exec", "-y"].into_iter().chain(flags.iter().copied());
    stdout(&boxer.run(line.chain(["--", "sh", "-c", look])))
}

const EVERYTHING: &str = "grep -rs . . || true; cat link ../granted/* 2>/dev/null; ls -R";

#[test]
fn what_is_hidden_is_readable_by_none_of_its_names() {
    let boxer = boxer();
    let project = boxer.project();
    fs::hard_link(project.join("config/.env"), project.join("before")).expect("a name");
    fs::hard_link(project.join("keys/deep/key"), project.join("config/key")).expect("a name");
    boxer.make("src/granted");
    fs::hard_link(
        project.join("config/.env"),
        boxer.home().join("src/granted/again"),
    )
    .expect("a name");
    symlink("config/.env", project.join("link")).expect("a link");
    let flags = ["--hide", ".env", "--hide", "keys/", "--mount", "../granted"];
    let seen = shown(&boxer, &flags, EVERYTHING);
    assert!(!seen.contains(CANARY) && seen.contains("content"), "{seen}");
    assert!(!seen.contains("deep"), "{seen}");
    // The twin: without the flags all of it is there.
    let seen = shown(&boxer, &["--mount", "../granted"], EVERYTHING);
    assert_eq!(seen.matches(CANARY).count(), 6, "{seen}");
    // And nothing of the host changed.
    assert_eq!(
        fs::read_to_string(project.join("config/.env")).expect("it is there"),
        CANARY
    );
}

#[test]
fn a_link_that_is_named_hides_where_it_leads() {
    let boxer = boxer();
    boxer.write("src/app/settings", CANARY);
    symlink("settings", boxer.project().join(".secret")).expect("a link");
    let seen = shown(&boxer, &["--hide", ".secret"], "cat .secret settings");
    assert_eq!(seen, "");
}

#[test]
fn a_profile_hides_too_and_a_pattern_without_a_match_is_said() {
    let boxer = boxer();
    boxer.write(
        ".claudebox/profiles/p.json",
        r#"{"hide": [".env", "nowhere*"]}"#,
    );
    let ran = boxer.run(["exec", "-y", "--profile", "p", "--", "cat", "config/.env"]);
    let ran = ran.code(1).stdout("");
    let said = stderr(&ran);
    assert!(said.contains("nowhere* ("), "{said}");
    assert!(said.contains("hidden by .env"), "{said}");
}

#[test]
fn what_cannot_be_hidden_wholly_is_refused() {
    let boxer = boxer();
    let project = boxer.project();
    let hide = |pattern: &str, why: &str| {
        refused(
            boxer.run(["exec", "-y", "--hide", pattern, "--", "true"]),
            why,
        );
    };
    hide("[ab]", "no pattern");
    hide("../x", "no pattern");
    hide("", "no pattern");
    // A name outside of what is shown.
    fs::hard_link(project.join("config/.env"), boxer.home().join("outside")).expect("a name");
    hide(".env", "2 names");
    fs::remove_file(boxer.home().join("outside")).expect("removing it");
    // A folder that the session could open and this look could not.
    let closed = boxer.make("src/app/closed");
    fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o000))
        .expect("chmod");
    hide(".env", "could not be looked into");
    fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("chmod");
    // The way open.
    assert_eq!(shown(&boxer, &["--hide", ".env"], "cat config/.env"), "");
}

#[test]
fn a_folder_around_what_is_hidden_stays_for_the_next_session() {
    let boxer = boxer();
    let flags = ["--hide", "config/.env"];
    let moved = "mv config elsewhere; mv config/.env x; rm -f config/.env; ln config/.env y; true";
    shown(&boxer, &flags, moved);
    let seen = shown(&boxer, &flags, "cat config/.env elsewhere/.env x y");
    assert_eq!(seen, "");
}

#[test]
fn secrets_of_the_project_are_listed_by_name_and_by_content_and_examples_are_not() {
    let boxer = boxer();
    boxer.write(
        "src/app/deploy/server.pem",
        "-----BEGIN PRIVATE KEY-----\nx\n",
    );
    boxer.write("src/app/deploy/ca.pem", "-----BEGIN CERTIFICATE-----\nx\n");
    boxer.write("src/app/.npmrc", "//registry.npmjs.org/:_authToken=abc\n");
    boxer.write("src/app/.env.example", "PASSWORD=\n");
    boxer.write("src/app/node_modules/x/.env", "A=b\n");
    let audit = stdout(
        &boxer
            .run(["plan", "--hide", ".npmrc", "--cmd", "true"])
            .success(),
    );
    let (_, part) = audit
        .split_once("Secrets in the project")
        .expect("a heading");
    let part = part.split("\n\n").next().expect("a part");
    for open in ["!! config/.env", "!! deploy/server.pem", "ok .npmrc"] {
        assert!(part.contains(open), "{open}:\n{part}");
    }
    for silent in ["ca.pem", "example", "node_modules", CANARY, "abc"] {
        assert!(!part.contains(silent), "{silent}:\n{part}");
    }
    assert!(part.contains("--hide GLOB"), "{part}");
    // The twin: a project without any has no such heading.
    let plain = Boxer::new();
    let audit = stdout(&plain.run(["plan", "--cmd", "true"]).success());
    assert!(!audit.contains("Secrets in the project"), "{audit}");
}

#[test]
fn hostile_trees_end_the_look_for_secrets_and_hang_nothing() {
    let boxer = boxer();
    let project = boxer.project();
    nix::unistd::mkfifo(&project.join(".env"), nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    nix::unistd::mkfifo(&project.join("x.pem"), nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    symlink(".", project.join("loop")).expect("a link");
    symlink("self", project.join("self")).expect("a link");
    boxer.own(&project);
    let seen = shown(
        &boxer,
        &["--hide", ".env*", "--hide", "self"],
        "cat .env config/.env",
    );
    assert_eq!(seen, "");
}
