//! Profiles that are none, and names of profiles that lead astray (PROF-03, threats: CFG-05, CFG-06).

use crate::common::{Boxer, CANARY};
use crate::{EXEC, refused_at_once};

#[test]
fn a_broken_profile_is_named_by_line_column_and_the_nearest_key() {
    let boxer = Boxer::new();
    let deep = "[".repeat(100_000);
    for (json, expected) in [
        (
            "{\n  \"netwrok\": \"none\"\n}",
            "p.json:2:11: unknown field `netwrok`",
        ),
        (
            "{\"mounts\": [{\"path\": \"/x\", \"moed\": \"rw\"}]}",
            "did you mean `mode`",
        ),
        ("{\"ssh\": {\"agnet\": true}}", "did you mean `agent`"),
        (
            "{\"mounts\": [{\"path\": \"/x\", \"uncover_secrets\": true}]}",
            "did you mean `uncover_secret`",
        ),
        ("{\"env\": []\n,\"env\": []}", "p.json:2:"),
        (
            "{\"set\": {\"A\": \"1\",\n\"A\": \"2\"}}",
            "duplicate field `A`",
        ),
        ("", "p.json:1:0"),
        ("{} trailing", "p.json:1:4"),
        ("[]", "p.json:1:"),
        ("null", "p.json:1:"),
        (&deep, "p.json:1:"),
        ("{\"set\": {\"X\": 1e400}}", "p.json:1:"),
        ("\u{feff}{}", "p.json:1:"),
    ] {
        boxer.write(".claudebox/profiles/p.json", json);
        let said = refused_at_once(
            boxer.claudebox(["exec", "-y", "--profile", "p", "--", "true"]),
            expected,
        );
        assert!(said.len() < 10_000, "an error is short");
    }
    // A value of the wrong type is not shown.
    for json in [
        "{\"env\": \"@\"}",
        "{\"network\": \"@\"}",
        "{\"set\": {\"A\": [\"@\"]}}",
        "{\"mounts\": [\"@\"]}",
        "{\"set\": \"@\"}",
        "{\"ssh\": {\"agent\": \"@\"}}",
    ] {
        boxer.write(".claudebox/profiles/p.json", json.replace('@', CANARY));
        refused_at_once(
            boxer.claudebox(["exec", "-y", "--profile", "p", "--", "true"]),
            "p.json:1:",
        );
    }
    boxer.write(".claudebox/profiles/p.json", b"{\"description\": \"\xff\"}");
    refused_at_once(
        boxer.claudebox(["exec", "-y", "--profile", "p", "--", "true"]),
        "p.json:1:",
    );
    boxer.write(".claudebox/profiles/p.json", "{}");
    boxer
        .run(["exec", "-y", "--profile", "p", "--", "true"])
        .success();
}

#[test]
fn a_profile_name_stays_in_its_folder() {
    let boxer = Boxer::new();
    boxer.write("x.json", "{}");
    boxer.write(".claudebox/x.json", "{}");
    boxer.write(".claudebox/profiles/.hidden.json", "{}");
    let home = boxer.home();
    let absolute = home.join("x");
    for name in [
        "../x",
        "../../x",
        "",
        ".",
        "..",
        ".hidden",
        "a/b",
        absolute.to_str().expect("plain"),
        "x\ny",
        "x y",
        "\u{202e}x",
        "-x",
    ] {
        let flag = format!("--profile={name}");
        refused_at_once(
            boxer.claudebox(["exec", "-y", &flag, "--", "true"]),
            "is not a profile name",
        );
        if !name.is_empty() {
            let mut command = boxer.claudebox(EXEC);
            command.env("CLAUDEBOX_PROFILE", name);
            refused_at_once(command, "is not a profile name");
        }
    }
}

/// CFG-07: a profile is data. A variable, a user's name or a command in it is a part of a path like any other.
#[test]
fn nothing_but_a_leading_tilde_is_expanded() {
    let boxer = Boxer::new();
    boxer.write(".ssh/key", "");
    for path in [
        "$HOME/.ssh",
        "${HOME}/.ssh",
        "${X:-/}etc",
        "~root",
        "~boxer/.ssh",
        "/$(echo etc)",
        "/`echo etc`",
        "~/*",
        "~/{.ssh,x}",
        "%h/.ssh",
    ] {
        let profile = format!(r#"{{ "mounts": [{{ "path": "{path}" }}] }}"#);
        boxer.write(".claudebox/profiles/p.json", &profile);
        let mut command = boxer.claudebox(["exec", "-y", "--profile", "p", "--", "true"]);
        command.env("X", "");
        refused_at_once(command, "is not there");
    }
}
