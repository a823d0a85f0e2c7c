//! Owns a whole turn of Claude Code whose API is on the internet of the lab, and has a name there.

use std::net::{Ipv6Addr, TcpListener};
use std::process::Stdio;

use escape_tests::Caller;
use escape_tests::claude_code::{InstallForm, Package, turn};
use escape_tests::messages_api::{MessagesApi, TOOL_SAID};
use escape_tests::network_lab::entrance::Resolver;
use escape_tests::network_lab::map::Site;
use escape_tests::network_lab::names::PUBLIC_NAME;
use escape_tests::network_lab::shared;
use escape_tests::probe::Need;
use libtest_mimic::{Failed, Trial};

pub(crate) fn trials() -> Vec<Trial> {
    if let Some(why) = Need::ClaudeCode.missing() {
        return vec![Trial::ignorable_test("client::a_turn", move || {
            super::skip(&why)
        })];
    }
    // What works on `full` is what must work on `inet`.
    vec![
        super::in_the_lab("client::a_turn_on_full", || a_turn("full")),
        super::in_the_lab("client::a_turn_on_inet", || a_turn("inet")),
    ]
}

fn a_turn(tier: &str) -> Result<(), Failed> {
    let package = Package::find().ok_or("Claude Code is gone")?;
    let caller = Caller::new();
    let _ = package.install(InstallForm::Native, &caller);
    let lab = shared()?;
    let internet = lab.at(Site::Internet);
    let listening = || TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0));
    let api = internet.within(|| listening().map(MessagesApi::start_on))?;
    let mut command = turn(&caller, &api, &["--network", tier], "RUN: echo said inside");
    let url = format!("http://{PUBLIC_NAME}:{}", api.port());
    command.env("ANTHROPIC_BASE_URL", url);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = lab
        .spawn(Resolver::Stub, &mut command)?
        .wait_with_output()?;
    let requests = api.requests().len();
    internet.within(move || {
        drop(api);
        Ok(())
    })?;
    let said = String::from_utf8_lossy(&ended.stdout);
    if said.strip_prefix(TOOL_SAID).map(str::trim) != Some("said inside") || requests != 2 {
        let why = String::from_utf8_lossy(&ended.stderr);
        return Err(format!("{requests} requests, {}\n{said}\n{why}", ended.status).into());
    }
    Ok(())
}
