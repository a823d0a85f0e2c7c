//! Keys and the size of the window: they are for the command, as without the sandbox (RUN-04).

use escape_tests::{Caller, SOON};

use crate::sh;

#[test]
fn ctrl_c_is_for_the_command() {
    let caller = Caller::new();
    let terminal = sh(
        &caller,
        r#"trap 'echo cau""ght; exit 9' INT; echo wai""ting; while :; do sleep 0.05; done"#,
    );
    terminal.expect("waiting");
    terminal.type_text("\x03");
    terminal.expect("caught");
    assert_eq!(terminal.ended(SOON).code, 9);
}

#[test]
fn ctrl_c_ends_a_command_that_does_not_catch_it() {
    let caller = Caller::new();
    let terminal = sh(&caller, r#"echo wai""ting; exec sleep 1000"#);
    terminal.expect("waiting");
    terminal.type_text("\x03");
    assert_eq!(terminal.ended(SOON).code, 130);
}

#[test]
fn ctrl_c_does_not_end_what_goes_on_after_it() {
    let caller = Caller::new();
    // As an agent does: Ctrl-C is a key to it, not the end.
    let terminal = sh(
        &caller,
        r#"trap 'echo cau""ght' INT; echo wai""ting; read a; read b; echo "got $a$b"; exit 3"#,
    );
    terminal.expect("waiting");
    terminal.type_text("\x03");
    terminal.expect("caught");
    terminal.type_text("on\r\r");
    terminal.expect("got on");
    assert_eq!(terminal.ended(SOON).code, 3);
}

#[test]
fn ctrl_backslash_is_for_the_command() {
    let caller = Caller::new();
    let terminal = sh(
        &caller,
        r#"trap 'echo cau""ght; exit 9' QUIT; echo wai""ting; while :; do sleep 0.05; done"#,
    );
    terminal.expect("waiting");
    terminal.type_text("\x1c");
    terminal.expect("caught");
    assert_eq!(terminal.ended(SOON).code, 9);
}

#[test]
fn the_size_of_the_window_is_seen_inside() {
    let caller = Caller::new();
    let script = r#"trap 'echo "now $(stty size)"' WINCH; echo "first $(stty size)"; while :; do sleep 0.05; done"#;
    let terminal = sh(&caller, script);
    terminal.expect("first 24 80");
    terminal.resize(50, 100);
    terminal.expect("now 50 100");
    terminal.resize(24, 80);
    terminal.expect("now 24 80");
}
