//! The real Claude Code inside, against a stand-in of the API: whole turns, each form of install, and the project afterwards.
#![allow(
    clippy::disallowed_methods,
    reason = "tests are effects; the module boundaries are the launcher's"
)]

mod installs;
mod instances;
mod login;
mod login_service;
mod refresh;
mod residue;
mod turns;

use escape_tests::Caller;
use escape_tests::claude_code::{InstallForm, Package};
use escape_tests::messages_api::MessagesApi;

/// A caller with Claude Code as the native installer leaves it, and the API.
pub(crate) fn ready() -> Option<(Caller, MessagesApi)> {
    let package = Package::find()?;
    let caller = Caller::new();
    // The others are tried by `installs`.
    let _ = package.install(InstallForm::Native, &caller);
    Some((caller, MessagesApi::start()))
}
