//! A slip of the hand: the message names the nearest thing that exists, and nothing is started.

use crate::common::{Boxer, refused};

#[test]
fn an_unknown_flag_or_word_names_the_nearest() {
    let boxer = Boxer::new();
    let before = crate::common::tree(&boxer.folder());
    for (line, typed, nearest) in [
        ("run --netwrok none", "--netwrok", "--network"),
        ("run --network fulll", "fulll", "full"),
        ("run --network None", "None", "none"),
        ("--profil x", "--profil", "--profile"),
        ("plan --jsn", "--jsn", "--json"),
        ("plan --explian", "--explian", "--explain"),
        ("shel", "shel", "shell"),
        ("exce -- true", "exce", "exec"),
        ("completions bsh", "bsh", "bash"),
        ("check --netwok none", "--netwok", "--network"),
        ("verify --netwrok none", "--netwrok", "--network"),
        ("verfy", "verfy", "verify"),
        ("run --alow-root", "--alow-root", "--allow-root"),
        ("exec --mont /x -- true", "--mont", "--mount"),
    ] {
        let said = refused(boxer.run(line.split(' ')), typed);
        // Quoted, as the thing to type; `--profile` holds `--profil`.
        assert!(
            said.contains(&format!("'{nearest}'")) || said.contains(&format!("`{nearest}`")),
            "`claudebox {line}` does not name {nearest}:\n{said}"
        );
    }
    assert_eq!(crate::common::tree(&boxer.folder()), before);
}

#[test]
fn a_tier_in_the_environment_is_as_strict_as_the_flag() {
    let boxer = Boxer::new();
    for value in ["", "FULL", "ful", "none,full", " none"] {
        let mut command = boxer.claudebox(["exec", "-y", "--", "true"]);
        command.env("CLAUDEBOX_NETWORK", value);
        let said = refused(crate::common::end(command), "CLAUDEBOX_NETWORK");
        assert!(said.contains("none, inet and full"), "{said}");
    }
}

#[test]
fn inet_is_refused_until_it_is_there() {
    let boxer = Boxer::new();
    let said = refused(
        boxer.run(["exec", "-y", "--network", "inet", "--", "true"]),
        "inet",
    );
    assert!(said.contains("--network none"), "{said}");
}

#[test]
fn exec_without_a_command_is_a_usage_error() {
    let boxer = Boxer::new();
    for line in ["exec -y", "exec -y --"] {
        refused(boxer.run(line.split(' ')), "<CMD>");
    }
}
