//! The real client refreshes its login (AUTH-01): a refresh token is good for one use, and whoever it was inside, the host and every
//! instance go on with what it got for it.
//!
//! `without_the_carrier_the_host_is_left_with_a_spent_token` is the twin of them all.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use claudebox::guard::Guard;
use escape_tests::claude_code::{InstallForm, Package, passed, turn_env};
use escape_tests::messages_api::{MessagesApi, PONG};
use escape_tests::{Caller, Ran, SOON, claudebox_bin, run, until};

use crate::login_service::LoginService;

const FILE: &str = ".claude/.credentials.json";

/// A turn on a busy machine.
const TURN: Duration = Duration::from_secs(60);

/// A login that ended an hour ago.
const ENDED: i64 = -3600;

/// What the client is told of the service, beside what every turn is.
const SERVICE_ENV: [&str; 3] = ["HTTPS_PROXY", "NO_PROXY", "NODE_EXTRA_CA_CERTS"];

/// A caller with a login, the service that gave it, and an API that takes no other.
struct Scene {
    caller: Caller,
    api: MessagesApi,
    service: LoginService,
    claude: PathBuf,
}

/// The same with a login that ends in so many seconds.
fn scene(ends_in: i64) -> Option<Scene> {
    let package = Package::find()?;
    let caller = Caller::new();
    let claude = package.install(InstallForm::Native, &caller).claude;
    let service = LoginService::start();
    let api = MessagesApi::start_for(service.admits());
    caller.write(&caller.home().join(FILE), &service.login(ends_in));
    let at = caller.home().join(FILE);
    fs::set_permissions(at, fs::Permissions::from_mode(0o600)).expect("its mode");
    caller.write(
        &caller.folder().join("authority.pem"),
        service.certificate(),
    );
    Some(Scene {
        caller,
        api,
        service,
        claude,
    })
}

impl Scene {
    fn environment(&self, command: &mut Command) {
        turn_env(command, &self.api);
        command.env_remove("ANTHROPIC_API_KEY");
        command.env("HTTPS_PROXY", self.service.proxy());
        command.env("NO_PROXY", "127.0.0.1");
        command.env("NODE_EXTRA_CA_CERTS", self.authority());
    }

    fn authority(&self) -> PathBuf {
        self.caller.folder().join("authority.pem")
    }

    /// The host's own client, with this prompt.
    fn on_host(&self, prompt: &str) -> Command {
        let mut command = self.caller.command(&self.claude);
        self.environment(&mut command);
        command.env("CLAUDE_CODE_TMPDIR", self.caller.home());
        command.args(["--dangerously-skip-permissions", "-p", prompt]);
        command
    }

    /// What the launcher is told for a session in `project`.
    fn inside(&self, mut launcher: Command, project: &Path, prompt: &str) -> Command {
        self.environment(&mut launcher);
        launcher.current_dir(project).args(["run", "-y"]);
        launcher.args(passed(&self.api));
        launcher.args(SERVICE_ENV.iter().flat_map(|name| ["--env", name]));
        launcher.args(["--host-port", &self.service.port().to_string()]);
        launcher.arg("--mount").arg(self.authority());
        launcher.args(["--", "-p", prompt]);
        launcher
    }

    fn session(&self, project: &Path, prompt: &str) -> Command {
        self.inside(self.caller.claudebox(), project, prompt)
    }

    fn another_project(&self) -> PathBuf {
        let other = self.caller.home().join("src/other");
        fs::create_dir_all(&other).expect("making a project");
        self.caller.own(&other);
        other
    }

    fn host_file(&self) -> Vec<u8> {
        fs::read(self.caller.home().join(FILE)).expect("the host has a login")
    }

    /// What every instance has for a login.
    fn inner_files(&self) -> Vec<Vec<u8>> {
        let projects = fs::read_dir(self.caller.home().join(".claudebox/projects"));
        let projects = projects.expect("there are projects").flatten();
        let files = projects.map(|project| project.path().join("claude/.credentials.json"));
        files
            .map(|file| fs::read(file).expect("each has a login"))
            .collect()
    }

    /// That everyone has a login that goes on.
    fn all_go_on(&self, instances: usize, ran: &dyn std::fmt::Display) {
        assert!(
            self.service.takes(&self.host_file()),
            "the host has a spent login: {ran}"
        );
        let inner = self.inner_files();
        assert_eq!(inner.len(), instances, "{ran}");
        assert!(
            inner.iter().all(|file| self.service.takes(file)),
            "an instance has a spent login: {ran}"
        );
        assert_eq!(self.service.elsewhere(), Vec::<String>::new(), "{ran}");
    }
}

fn answered(ran: Ran) -> Ran {
    let ran = ran.success();
    assert!(ran.stdout.contains(PONG), "{ran}");
    assert!(
        !format!("{}{}", ran.stdout, ran.stderr).contains("sk-ant-o"),
        "{ran}"
    );
    ran
}

#[test]
fn a_login_that_is_refreshed_inside_is_the_hosts_afterwards() {
    let Some(scene) = scene(ENDED) else { return };
    let ran = answered(run(
        &mut scene.session(&scene.caller.project(), "hello"),
        TURN,
    ));
    assert_eq!(scene.service.refreshes(), (1, 0), "{ran}");
    scene.all_go_on(1, &ran);
    let file = fs::metadata(scene.caller.home().join(FILE)).expect("it is there");
    assert_eq!(file.permissions().mode() & 0o7777, 0o600);
    let ran = answered(run(&mut scene.on_host("hello"), TURN));
    assert_eq!(scene.service.refreshes(), (1, 0), "{ran}");
    scene.all_go_on(1, &ran);
}

#[test]
fn a_session_goes_on_with_what_the_host_refreshed_meanwhile() {
    let Some(scene) = scene(7 * 3600) else { return };
    let prompt = "RUN: touch asked; timeout 20 sh -c 'until grep -q given-2 ~/.claude/.credentials.json; do sleep 0.1; done'";
    let mut session = scene.session(&scene.caller.project(), prompt);
    session.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut session = session.spawn().expect("it starts");
    let asked = scene.caller.project().join("asked");
    until("the tool call", SOON, || {
        let mut ended = || session.try_wait().is_ok_and(|ended| ended.is_some());
        (asked.exists() || ended()).then_some(())
    });
    // The client that is refused refreshes, whenever its login would end.
    scene.service.take_back();
    let ran = answered(run(&mut scene.on_host("hello"), TURN));
    assert_eq!(scene.service.refreshes(), (1, 0), "{ran}");
    let ended = session.wait_with_output().expect("waiting");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{said}");
    assert_eq!(scene.service.refreshes(), (1, 0), "{said}");
    scene.all_go_on(1, &said);
}

#[test]
fn two_instances_and_the_host_refresh_at_once_and_all_go_on() {
    let Some(scene) = scene(ENDED) else { return };
    let projects = [scene.caller.project(), scene.another_project()];
    let _ = claudebox_bin();
    let turns = |command: &(dyn Fn() -> Command + Sync)| -> Vec<Ran> {
        (0..3).map(|_| run(&mut command(), TURN)).collect()
    };
    let ran: Vec<Vec<Ran>> = thread::scope(|scope| {
        let (scene, turns) = (&scene, &turns);
        let inside = projects
            .each_ref()
            .map(|project| scope.spawn(move || turns(&|| scene.session(project, "hello"))));
        let host = scope.spawn(move || turns(&|| scene.on_host("hello")));
        let ended = inside.into_iter().chain([host]);
        ended.map(|one| one.join().expect("no panic")).collect()
    });
    let failed = ran.iter().flatten().filter(|ran| !ran.status.success());
    let failed: Vec<String> = failed.map(ToString::to_string).collect();
    let counted = scene.service.refreshes();
    for project in &projects {
        let _ = answered(run(&mut scene.session(project, "hello"), TURN));
    }
    let ran = answered(run(&mut scene.on_host("hello"), TURN));
    assert_eq!(scene.service.refreshes(), counted, "{ran}");
    scene.all_go_on(2, &ran);
    assert_eq!((counted, failed.len()), ((1, 0), 0), "{}", failed.concat());
}

#[test]
fn sessions_that_run_and_the_host_are_refused_at_once_and_all_go_on() {
    let Some(scene) = scene(7 * 3600) else { return };
    let projects = [scene.caller.project(), scene.another_project()];
    let prompt = "RUN: touch asked; timeout 60 sh -c 'until [ -e go ]; do sleep 0.01; done'";
    let sessions = projects.each_ref().map(|project| {
        let mut session = scene.session(project, prompt);
        session.stdout(Stdio::piped()).stderr(Stdio::piped());
        session.spawn().expect("it starts")
    });
    until("the tool calls", TURN, || {
        let asked = |project: &PathBuf| project.join("asked").exists();
        projects.iter().all(asked).then_some(())
    });
    // All of them find out by the answer to their next request.
    scene.service.take_back();
    for project in &projects {
        fs::write(project.join("go"), "").expect("writing to the project");
    }
    let host = run(&mut scene.on_host("hello"), TURN);
    let mut failed = String::new();
    for session in sessions {
        let ended = session.wait_with_output().expect("waiting");
        if !ended.status.success() {
            failed += &String::from_utf8_lossy(&ended.stdout);
            failed += &String::from_utf8_lossy(&ended.stderr);
        }
    }
    assert!(host.status.success(), "{host}");
    assert_eq!(scene.service.refreshes(), (1, 0), "{failed}");
    assert_eq!(failed, "");
    scene.all_go_on(2, &host);
}

#[test]
fn without_the_carrier_the_host_is_left_with_a_spent_token() {
    let Some(scene) = scene(ENDED) else { return };
    // The instance has the login of the host, as a copy would give it.
    let mut start = scene.caller.claudebox();
    let _ = run(
        start.args(["exec", "-y", "--network", "none", "--", "true"]),
        SOON,
    )
    .success();
    let guard = serde_json::to_value(Guard::LoginStore).expect("a guard has a name");
    let mut without = scene.caller.command(env!("CARGO_BIN_EXE_without_guard"));
    without
        .arg(guard.as_str().unwrap_or_default())
        .arg(claudebox_bin());
    let mut without = scene.inside(without, &scene.caller.project(), "hello");
    let ran = answered(run(&mut without, TURN));
    assert_eq!(scene.service.refreshes(), (1, 0), "{ran}");
    assert!(
        scene
            .inner_files()
            .iter()
            .all(|file| scene.service.takes(file)),
        "{ran}"
    );
    assert!(!scene.service.takes(&scene.host_file()), "{ran}");
    let ran = run(&mut scene.on_host("hello"), TURN);
    assert!(!ran.status.success(), "{ran}");
    let (refreshes, refused) = scene.service.refreshes();
    assert!(refreshes == 1 && refused > 0, "{refused}: {ran}");
}
