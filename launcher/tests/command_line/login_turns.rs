//! Whose turn it is to refresh the login (AUTH-01): the client's lock of one side is shown on the other, until what it got is there too.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::common::{Boxer, until};
use crate::login::{FILE, Running, has, inside_of, login, rename_in, script, soon};

const LOCK: &str = ".oauth_refresh.lock";

/// The locks of the host and of the session in the project.
fn locks(boxer: &Boxer) -> (PathBuf, PathBuf) {
    let beside = |file: PathBuf| file.with_file_name(LOCK);
    let inner = inside_of(boxer, &boxer.project());
    (beside(boxer.home().join(FILE)), beside(inner))
}

/// A session that does this and waits.
fn session(boxer: &Boxer, does: &str) -> Running {
    let script = script(
        boxer,
        &boxer.project(),
        &format!("{does}; touch ready; cat > /dev/null"),
    );
    until("the session", || boxer.project().join("ready").exists());
    script
}

#[test]
fn who_refreshes_inside_holds_the_host_up_until_it_has_what_was_got() {
    let boxer = Boxer::new();
    boxer.write(FILE, login("first", 8));
    let (outside, _) = locks(&boxer);
    let refresh = format!(
        "touch ready; cd ~/.claude; mkdir {LOCK}; until [ -e $OLDPWD/go ]; do sleep 0.02; done; \
         printf %s '{}' > new; mv new .credentials.json; rmdir {LOCK}; cat > /dev/null",
        login("second", 9)
    );
    let running = script(&boxer, &boxer.project(), &refresh);
    soon("the lock outside", || outside.is_dir());
    boxer.write("src/app/go", "");
    soon("the end of it", || !outside.exists());
    assert!(has(&boxer.home().join(FILE), "second"));
    running.end();
}

#[test]
fn who_refreshes_outside_holds_the_session_up_until_it_has_what_was_got() {
    let boxer = Boxer::new();
    boxer.write(FILE, login("first", 8));
    let (outside, inside) = locks(&boxer);
    let running = session(&boxer, "true");
    assert!(!outside.exists() && !inside.exists());
    fs::create_dir(&outside).expect("as the client makes it");
    soon("the lock inside", || inside.is_dir());
    rename_in(&boxer, &login("second", 9));
    fs::remove_dir(&outside).expect("as the client removes it");
    soon("the end of it", || !inside.exists());
    assert!(has(&inside_of(&boxer, &boxer.project()), "second"));
    running.end();
}

#[test]
fn a_session_waits_for_who_refreshes_when_it_starts_and_no_longer_than_it_lasts() {
    let boxer = Boxer::new();
    boxer.write(FILE, login("first", 0));
    let (outside, inside) = locks(&boxer);
    fs::create_dir(&outside).expect("as the client makes it");
    let running = session(&boxer, &format!("test -d ~/.claude/{LOCK}"));
    rename_in(&boxer, &login("second", 9));
    fs::remove_dir(&outside).expect("as the client removes it");
    soon("its turn", || !inside.exists());
    assert!(has(&inside_of(&boxer, &boxer.project()), "second"));
    running.end();
    // A session that ends while it refreshes holds nobody up.
    fs::remove_file(boxer.project().join("ready")).expect("it is there");
    let running = session(&boxer, &format!("mkdir ~/.claude/{LOCK}"));
    soon("the lock outside", || outside.is_dir());
    running.end();
    assert!(!outside.exists());
    // What it left counts for nothing in the next one.
    assert!(inside.is_dir());
    fs::remove_file(boxer.project().join("ready")).expect("it is there");
    session(&boxer, "true").end();
    assert!(!inside.exists() && !outside.exists());
}

#[test]
fn what_is_no_lock_of_the_clients_holds_nobody_up() {
    let boxer = Boxer::new();
    boxer.write(FILE, login("first", 8));
    let (outside, inside) = locks(&boxer);
    let odd = format!("cd ~/.claude; ln -s / {LOCK}; rm {LOCK}; touch {LOCK}; cd $OLDPWD");
    let running = session(&boxer, &odd);
    thread::sleep(Duration::from_millis(500));
    assert!(!outside.exists() && inside.is_file());
    running.end();
    // Nor is one that is left over.
    fs::remove_file(&inside).expect("it is there");
    fs::remove_file(boxer.project().join("ready")).expect("it is there");
    let old = format!(
        "cd ~/.claude; mkdir old; touch -d '1 minute ago' old; mv old {LOCK}; sleep 0.5; cd $OLDPWD"
    );
    let running = session(&boxer, &old);
    fs::remove_dir(&inside).expect("it is there");
    running.end();
    assert!(!outside.exists());
}
