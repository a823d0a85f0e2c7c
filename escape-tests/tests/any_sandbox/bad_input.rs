//! What was typed wrong gets a clear error, before anything is started.

use super::refused;

#[test]
fn each_slip_is_named() {
    let cases: [(&[&str], &str); 14] = [
        (&[], "Usage: escape-tests"),
        (&["hostname"], "--sandbox <CMD>"),
        (&["--sandbox"], "--sandbox <CMD>"),
        (
            &["--sandbox", ""],
            "there is no word in it\nhint: name the command",
        ),
        (
            &["--sandbox", "env 'a"],
            "is no command line\nhint: close each quote",
        ),
        (
            &["--sandbox", "no-such-program"],
            "is no program that can be executed\nhint: install it",
        ),
        (
            &["--sandbox", "/etc/passwd"],
            "is no program that can be executed\nhint: install it",
        ),
        (
            &["--sandbox", "env {} {}"],
            "{} stands in it 2 times\nhint: ",
        ),
        (
            &["--sandbox", "env {proyect}"],
            "nothing is known as {proyect}\nhint: the places are",
        ),
        (
            &["--sandbox", "env", "hostnane"],
            "hint: is hostname meant?",
        ),
        (
            &["--sandbox", "env", "--tier", "some"],
            "invalid value 'some'",
        ),
        (&["--sandbox", "env", "--jobs", "0"], "invalid value '0'"),
        (
            &["--sandbox", "env", "--limit", "soon"],
            "invalid value 'soon'",
        ),
        (
            &["--sandbox", "env", "--json", "/no/such/file"],
            "writing /no/such/file: No such file",
        ),
    ];
    for (arguments, words) in cases {
        let said = refused(arguments);
        assert!(
            said.contains(words),
            "{arguments:?}: no {words:?} in {said}"
        );
    }
}

/// A filter that leaves nothing but what cannot be tried is no success either.
#[test]
fn nothing_tried_is_no_success() {
    let ran = escape_tests::run(
        super::escape_tests().args(["--sandbox", "env", "programs_of_path"]),
        super::LIMIT,
    );
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    assert!(ran.stdout.contains("not tried"), "{ran}");
    assert!(
        ran.stderr
            .contains("none of these probes could be tried\nhint: "),
        "{ran}"
    );
}

#[test]
fn help_is_given_where_it_is_asked_for() {
    let ran = escape_tests::run(super::escape_tests().arg("--help"), super::LIMIT).success();
    let wide = ran.stdout.lines().find(|line| line.chars().count() > 80);
    assert_eq!(wide, None, "{ran}");
    assert!(ran.stdout.contains("Exit status:"), "{ran}");
}
