//! Owns what names mean on this host, by getent(1): it asks as every program of the host does, whatever nsswitch.conf(5) names.
//! This binary is static and must not load those modules.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Tool, User};

/// How long one name may take.
const LIMIT: Duration = Duration::from_secs(4);

/// The addresses of each name, or why there are none.
pub type Names = BTreeMap<String, Result<Vec<IpAddr>, String>>;

pub(super) fn look_up(names: &[&str], user: &User) -> Names {
    let getent = Tool::find("getent", user, None);
    names
        .iter()
        .map(|name| ((*name).to_owned(), addresses(name, &getent)))
        .collect()
}

fn addresses(name: &str, getent: &Tool) -> Result<Vec<IpAddr>, String> {
    let Tool::Found(getent) = getent else {
        return Err("there is no getent to ask with".into());
    };
    let mut child = Command::new(getent)
        .args(["ahosts", name])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{getent}: {error}"))?;
    let deadline = Instant::now() + LIMIT;
    loop {
        match child.try_wait() {
            Ok(Some(_)) => break,
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(2)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("no answer within {} s", LIMIT.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
    let mut said = String::new();
    if let Some(output) = &mut child.stdout {
        let _ = output.take(64 * 1024).read_to_string(&mut said);
    }
    let mut found: Vec<IpAddr> = said
        .lines()
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
        .collect();
    found.sort_unstable();
    found.dedup();
    if found.is_empty() {
        Err("it does not resolve".into())
    } else {
        Ok(found)
    }
}
