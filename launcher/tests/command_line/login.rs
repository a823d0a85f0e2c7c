//! The login of Claude Code: in, out and back, while sessions run (AUTH-01, AUTH-03, AUTH-05).

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::common::{Boxer, stderr, stdout, tree, until};
use crate::instances::instance;

pub(crate) const FILE: &str = ".claude/.credentials.json";

/// A login that ends in so many hours, as Claude Code 2.1.197 writes it.
pub(crate) fn login(token: &str, hours: u64) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("now");
    let ends = (since.as_secs() / 3600 + hours) * 3_600_000;
    format!(
        r#"{{"claudeAiOauth":{{"accessToken":"sk-ant-oat01-{token}","refreshToken":"sk-ant-ort01-{token}","expiresAt":{ends},"scopes":["user:inference"],"subscriptionType":"max","rateLimitTier":null}}}}"#
    )
}

fn account(name: &str) -> String {
    format!(r#"{{"oauthAccount":{{"accountUuid":"{name}","emailAddress":"{name}@example.com"}}}}"#)
}

pub(crate) fn has(path: &Path, token: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text.contains(&format!("sk-ant-oat01-{token}")))
}

/// As the client does it on the host.
pub(crate) fn rename_in(boxer: &Boxer, content: &str) {
    let new = boxer.write(".claude/.credentials.json.tmp", content);
    fs::rename(new, boxer.home().join(FILE)).expect("a rename");
}

pub(crate) fn inside_of(boxer: &Boxer, project: &Path) -> PathBuf {
    instance(boxer, project).join("claude/.credentials.json")
}

/// A session that runs until its standard input ends.
pub(crate) struct Running(Child);

impl Running {
    fn start(mut command: Command) -> Self {
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self(child.spawn().expect("it starts"))
    }

    /// What it said to stdout and stderr.
    pub(crate) fn end(mut self) -> (String, String) {
        drop(self.0.stdin.take());
        let ended = self.0.wait_with_output().expect("waiting");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        let (out, err) = (text(ended.stdout), text(ended.stderr));
        assert!(ended.status.success(), "{out}{err}");
        (out, err)
    }
}

pub(crate) fn script(boxer: &Boxer, project: &Path, script: &str) -> Running {
    let mut command =
        boxer.claudebox(["exec", "-y", "--network", "none", "--", "sh", "-ec", script]);
    command.current_dir(project);
    Running::start(command)
}

/// Until what was done on one side is seen on the other, which is promised within a second; a busy machine gets five.
pub(crate) fn soon(what: &str, ask: impl FnMut() -> bool) {
    let began = Instant::now();
    until(what, ask);
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{what}: {:?}",
        began.elapsed()
    );
}

#[test]
fn a_refresh_crosses_while_the_session_runs_both_ways_and_nothing_else_does() {
    let boxer = Boxer::new();
    let mcp = r#","mcpOAuth":{"db":"secret-of-mcp"}}"#;
    let with_mcp = |login: String| login.strip_suffix('}').expect("an object").to_owned() + mcp;
    boxer.write(FILE, with_mcp(login("first", 8)));
    boxer.write(".claude.json", account("ann"));
    let project = boxer.project();
    let (host, inner) = (boxer.home().join(FILE), inside_of(&boxer, &project));
    let said = format!(
        "cat ~/.claude/.credentials.json; cd ~/.claude; printf %s '{}' > new; mv new .credentials.json; \
         until grep -q oat01-third .credentials.json; do sleep 0.05; done; cat > /dev/null; printf %s '{}' > .credentials.json",
        login("second", 9),
        login("fourth", 11),
    );
    let session = script(&boxer, &project, &said);
    soon("the refresh on the host", || has(&host, "second"));
    let text = fs::read_to_string(&host).expect("it is there");
    assert!(
        text.contains("secret-of-mcp"),
        "the host keeps the rest: {text}"
    );
    assert_eq!(
        fs::symlink_metadata(&host).expect("there").mode() & 0o7777,
        0o600
    );
    rename_in(&boxer, &with_mcp(login("third", 10)));
    soon("the refresh inside", || has(&inner, "third"));
    assert_eq!(
        fs::symlink_metadata(&inner).expect("there").mode() & 0o7777,
        0o600
    );
    // The last one is written in place, right before the end.
    let (out, err) = session.end();
    assert!(
        out.contains("oat01-first") && !out.contains("secret-of-mcp"),
        "{out}"
    );
    assert!(
        err.contains("yours, ann@example.com") && !err.contains("sk-ant-oat01"),
        "{err}"
    );
    assert!(has(&host, "fourth"), "{err}");
    let leaked = fs::read_to_string(&inner).expect("it is there");
    assert!(!leaked.contains("secret-of-mcp"), "{leaked}");
    // Nothing is left but the file.
    let left: Vec<_> = fs::read_dir(boxer.home().join(".claude"))
        .expect("listing")
        .collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn two_projects_and_the_host_have_one_login() {
    let boxer = Boxer::new();
    boxer.write(FILE, login("first", 8));
    let other = boxer.make("src/other");
    let wait = "until grep -q oat01-second ~/.claude/.credentials.json; do sleep 0.05; done; echo seen; cat > /dev/null";
    let refresh = format!(
        "sleep 0.3; printf %s '{}' > ~/.claude/new; mv ~/.claude/new ~/.claude/.credentials.json; {wait}",
        login("second", 9)
    );
    let waits = script(&boxer, &other, wait);
    let works = script(&boxer, &boxer.project(), &refresh);
    soon("the login in the other project", || {
        has(&inside_of(&boxer, &other), "second")
    });
    assert_eq!(waits.end().0 + &works.end().0, "seen\nseen\n");
    assert!(has(&boxer.home().join(FILE), "second"));
}

#[test]
fn without_one_it_is_silent_and_one_that_is_made_inside_is_every_projects() {
    let boxer = Boxer::new();
    let other = boxer.make("src/other");
    let said = stderr(
        &boxer
            .run([
                "exec",
                "-y",
                "--",
                "test",
                "!",
                "-e",
                &boxer.home().join(FILE).display().to_string(),
            ])
            .success(),
    );
    assert!(!said.contains("login"), "{said}");
    // A session of another project that runs already.
    let wait = "until grep -q oat01-made ~/.claude/.credentials.json; do sleep 0.05; done; cat > /dev/null";
    let waits = script(&boxer, &other, wait);
    until("the other session", || {
        inside_of(&boxer, &other).parent().is_some_and(Path::exists)
    });
    boxer.inside(
        &[],
        &format!(
            "printf %s '{}' > ~/.claude/.credentials.json",
            login("made", 8)
        ),
    );
    let kept = boxer.home().join(".claudebox/login.json");
    assert!(has(&kept, "made"));
    assert_eq!(
        fs::symlink_metadata(&kept).expect("there").mode() & 0o7777,
        0o600
    );
    waits.end();
    let third = boxer.make("src/third");
    let mut command = boxer.claudebox([
        "exec",
        "-y",
        "--",
        "cat",
        &boxer.home().join(FILE).display().to_string(),
    ]);
    command.current_dir(third);
    let ran = crate::common::end(command).success();
    assert!(stdout(&ran).contains("oat01-made"));
    assert!(
        stderr(&ran).contains("one that was made in a session"),
        "{}",
        stderr(&ran)
    );
    assert!(
        !boxer.home().join(".claude").exists(),
        "the host's client is logged in by its user alone"
    );
}

#[test]
fn what_is_no_login_on_the_host_stays_outside_and_stops_nothing() {
    let boxer = Boxer::new();
    let at = boxer.home().join(FILE);
    boxer.make(".claude");
    let key = boxer.write("key", "secret-key");
    for odd in ["link", "fifo", "folder", "large", "malformed", "open"] {
        match odd {
            "link" => symlink(&key, &at).expect("a link"),
            "fifo" => nix::unistd::mkfifo(&at, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO"),
            "folder" => fs::create_dir(&at).expect("a folder"),
            "large" => fs::write(&at, " ".repeat(300 * 1024)).expect("a file"),
            "malformed" => fs::write(&at, "{\"claudeAiOauth\": secret-key").expect("a file"),
            _ => {
                fs::write(&at, login("open", 8)).expect("a file");
                fs::set_permissions(&at, Permissions::from_mode(0o666)).expect("chmod");
            }
        }
        boxer.own(&boxer.home().join(".claude"));
        let before = tree_of(&boxer);
        let ran = boxer.shell("ls -A ~/.claude | grep cred; true").success();
        let said = stderr(&ran);
        assert_eq!(stdout(&ran), "", "{odd}");
        assert!(
            said.contains("~/.claude/.credentials.json is left out: "),
            "{odd}: {said}"
        );
        assert!(
            !said.contains("secret-key") && !said.contains("oat01"),
            "{odd}: {said}"
        );
        assert!(tree_of(&boxer) == before, "{odd}");
        let _ = fs::remove_dir(&at);
        let _ = fs::remove_file(&at);
    }
}

fn tree_of(boxer: &Boxer) -> String {
    let about = tree_but_fifo(&boxer.home().join(".claude"));
    format!(
        "{about:?} {:?}",
        fs::read(boxer.home().join("key")).expect("there")
    )
}

fn tree_but_fifo(folder: &Path) -> Vec<String> {
    tree(folder)
        .into_iter()
        .map(|(path, about)| format!("{} {about}", path.display()))
        .collect()
}

#[test]
fn what_is_no_login_inside_never_goes_out_and_is_replaced_at_the_next_start() {
    let boxer = Boxer::new();
    boxer.write(FILE, login("good", 8));
    let host = boxer.home().join(FILE);
    let before = fs::read(&host).expect("there");
    for odd in [
        "rm -f F",
        ": > F",
        "echo '{' > F",
        "rm -f F; ln -s ~/.ssh/id F",
        "rm -f F; ln -s /proc/self/environ F",
        "rm -f F; mkfifo F",
        "rm -f F; mkdir F; touch F/x",
        "truncate -s 1G F",
        r#"echo '{"claudeAiOauth":{"accessToken":"","refreshToken":"","expiresAt":0}}' > F"#,
        r#"echo '{"claudeAiOauth":{"accessToken":"a","refreshToken":"a","expiresAt":9999999999999}}' > F"#,
        r#"echo '{"claudeAiOauth":{"accessToken":"a","refreshToken":"a","expiresAt":1}}' > F"#,
    ] {
        let odd = odd.replace('F', "~/.claude/.credentials.json");
        boxer.inside(&["--network", "none"], &format!("{odd}; sleep 0.3"));
        assert!(fs::read(&host).expect("there") == before, "{odd}");
        let seen = boxer.inside(&["--network", "none"], "cat ~/.claude/.credentials.json");
        assert!(seen.contains("oat01-good"), "{odd}: {seen}");
    }
}

#[test]
fn another_account_stays_inside_and_is_told_of() {
    let boxer = Boxer::new();
    boxer.write(FILE, login("ann", 8));
    boxer.write(".claude.json", account("ann"));
    let host = boxer.home().join(FILE);
    let change = format!(
        "printf %s '{}' > ~/.claude.json; printf %s '{}' > ~/.claude/.credentials.json",
        account("eve"),
        login("eve", 20)
    );
    let said = stderr(&boxer.shell(&format!("set -e; {change}")).success());
    assert!(
        said.contains("! login") && said.contains("another account"),
        "{said}"
    );
    assert!(!said.contains("oat01"), "{said}");
    assert!(has(&host, "ann"));
    // The host's counts for the next one.
    let seen = boxer.inside(&[], "cat ~/.claude/.credentials.json ~/.claude.json");
    assert!(
        seen.contains("oat01-ann") && !seen.contains("eve"),
        "{seen}"
    );
    // The same by the account of the host goes out.
    boxer.inside(
        &[],
        &format!(
            "printf %s '{}' > ~/.claude/.credentials.json",
            login("anew", 20)
        ),
    );
    assert!(has(&host, "anew"));
}

#[test]
fn what_a_killed_launcher_left_is_brought_out_at_the_next_start_and_a_logout_is_kept() {
    let boxer = Boxer::new();
    boxer.write(FILE, login("first", 8));
    boxer.inside(&[], "true");
    let (host, inner) = (boxer.home().join(FILE), inside_of(&boxer, &boxer.project()));
    fs::write(&inner, login("second", 9)).expect("as a session would");
    boxer.inside(&[], "true");
    assert!(has(&host, "second"));
    // The user logs out on the host, while a session runs and before one.
    let session = script(&boxer, &boxer.project(), "cat > /dev/null");
    fs::remove_file(&host).expect("a logout");
    session.end();
    boxer.inside(&[], "true");
    assert!(!host.exists() && !boxer.home().join(".claudebox/login.json").exists());
}

#[test]
fn a_session_that_is_asked_to_end_brings_out_what_it_has() {
    let boxer = Boxer::new();
    boxer.write(FILE, login("first", 8));
    let last = format!(
        "trap 'printf %s '\\''{}'\\'' > ~/.claude/.credentials.json; exit 0' TERM; touch ready; while :; do sleep 0.05; done",
        login("last", 9)
    );
    let session = script(&boxer, &boxer.project(), &last);
    until("the session", || boxer.project().join("ready").exists());
    let pid = i32::try_from(session.0.id()).expect("a PID");
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(pid),
        nix::sys::signal::Signal::SIGTERM,
    )
    .expect("kill");
    session.end();
    assert!(has(&boxer.home().join(FILE), "last"));
}

#[test]
fn a_folder_at_the_name_of_the_new_file_stops_nothing() {
    let boxer = Boxer::new();
    boxer.write(FILE, login("first", 8));
    boxer.inside(&[], "rm ~/.claude/.credentials.json");
    let claude = instance(&boxer, &boxer.project()).join("claude");
    // exec(2) keeps the number of the process, which a name could be made of.
    let script = format!(
        "for f in .credentials.json .claude.json; do mkdir {0}/.$f.$$.new {0}/.$f.$$; done; exec {1} exec -y -- cat ~/{FILE}",
        claude.display(),
        crate::common::claudebox_bin().display()
    );
    let mut command = boxer.command("sh");
    command.args(["-ec", &script]);
    let seen = stdout(&crate::common::end(command).success());
    assert!(seen.contains("oat01-first"), "{seen}");
}

#[test]
fn of_two_that_refresh_at_once_the_one_that_was_refused_has_the_others_within_a_second() {
    let boxer = Boxer::new();
    let spent =
        r#"{"claudeAiOauth":{"accessToken":"","refreshToken":"","expiresAt":0,"scopes":[]}}"#;
    boxer.write(FILE, login("first", 8));
    let (host, inner) = (boxer.home().join(FILE), inside_of(&boxer, &boxer.project()));
    let refresh = format!(
        "touch ready; until [ -e go ]; do sleep 0.02; done; printf %s '{}' > ~/.claude/.credentials.json; cat > /dev/null",
        login("second", 9)
    );
    let session = script(&boxer, &boxer.project(), &refresh);
    until("the session", || boxer.project().join("ready").exists());
    // The host is refused.
    rename_in(&boxer, spent);
    boxer.write("src/app/go", "");
    soon("the login on the host", || has(&host, "second"));
    // Inside is refused.
    fs::write(&inner, spent).expect("as the client would");
    rename_in(&boxer, &login("third", 10));
    soon("the login inside", || has(&inner, "third"));
    session.end();
    assert!(has(&host, "third"));
}
