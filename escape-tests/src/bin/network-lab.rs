//! Owns the lab of networks by hand: makes it, runs a command on its host as an ordinary user, and tells which listeners were
//! reached. Started by root:
//!
//! ```text
//! cargo run -p escape-tests --bin network-lab -- [--root] [--resolver stub|lan|mesh] [--] CMD [ARGUMENTS]
//! ```
//!
//! Every address answers at the port of `$LAB_PORT`, by TCP and UDP; names are resolved (`getent hosts public.lab.example`).
//! `nsenter --net=$LAB_LAN CMD` looks at another site, as root: `LAB_HOST`, `LAB_INTERNET` and so on.
#![allow(
    clippy::disallowed_methods,
    reason = "tests are effects; the module boundaries are the launcher's"
)]

use std::error::Error;
use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitCode};

use escape_tests::network_lab::entrance::Resolver;
use escape_tests::network_lab::map::Site;
use escape_tests::network_lab::{NetworkLab, watch};

/// The uid of an ordinary user.
const ORDINARY: u32 = 1000;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).peekable();
    let (mut as_root, mut resolver) = (false, Resolver::Stub);
    while let Some(word) = arguments.next_if(|word| word.to_string_lossy().starts_with("--")) {
        match word.to_string_lossy().as_ref() {
            "--" => break,
            "--root" => as_root = true,
            "--resolver" => {
                resolver = match arguments.next().unwrap_or_default().to_str() {
                    Some("stub") => Resolver::Stub,
                    Some("lan") => Resolver::Lan,
                    Some("mesh") => Resolver::Mesh,
                    _ => return Err("a resolver is stub, lan or mesh".into()),
                }
            }
            other => return Err(format!("unknown option {other}").into()),
        }
    }
    let program = arguments.next().ok_or("which command?")?;
    let lab = NetworkLab::new()?;
    let folder = tempfile::tempdir()?;
    let heard = folder.path().join("heard");
    let watch = lab.watch(&heard)?;
    let mut command = Command::new(program);
    command.args(arguments);
    command.env("LAB_PORT", watch.port.to_string());
    for site in Site::ALL {
        let name = format!("LAB_{}", site.name().to_uppercase());
        command.env(name, lab.at(site).path());
    }
    if !as_root {
        command.uid(ORDINARY).gid(ORDINARY);
    }
    let status = lab.spawn(resolver, &mut command)?.wait()?;
    // What is under way still arrives.
    std::thread::sleep(std::time::Duration::from_millis(100));
    drop(watch);
    let mut stderr = std::io::stderr();
    writeln!(stderr, "--- reached")?;
    for contact in watch::contacts(&heard) {
        let watch::Contact { site, by, to, from } = contact;
        writeln!(stderr, "{site:<10} {by:<4} {to} from {from}")?;
    }
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    Ok(ExitCode::from(u8::try_from(code.unwrap_or(1))?))
}
