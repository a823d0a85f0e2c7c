//! Owns what the tier `inet` needs of a host besides bwrap: nft(8), a helper that carries packets, a tun device, nf_tables.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Tool, User};
use crate::helper::PUBLISHED_INSIDE;
use crate::output;
use crate::text::Text;

/// Parts of the tier `inet`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkTools {
    /// Whether `/dev/net/tun` can be opened by this user; `None` where there is none.
    pub tun: Option<bool>,
    /// nft(8).
    pub nft: Tool,
    /// Whether the kernel has nf_tables, built in or as a module.
    pub nf_tables: bool,
    /// pasta(1).
    pub pasta: Tool,
    /// The long options that this pasta knows. Its version is no help: some builds say none.
    pub pasta_knows: Vec<String>,
    /// slirp4netns(1).
    pub slirp4netns: Tool,
}

impl NetworkTools {
    pub(super) fn read(user: &User) -> Self {
        let tun = Path::new("/dev/net/tun");
        let open = File::options().read(true).write(true).open(tun).is_ok();
        let pasta = Tool::find("pasta", user, option_env!("CLAUDEBOX_PASTA"));
        let (pasta, pasta_knows) = match pasta {
            Tool::Found(path) => match options_of(&path) {
                Ok(options) => (Tool::Found(path), options),
                Err(why) => (Tool::Unfit(path, why), Vec::new()),
            },
            other => (other, Vec::new()),
        };
        Self {
            tun: tun.exists().then_some(open),
            nft: Tool::find("nft", user, option_env!("CLAUDEBOX_NFT")),
            nf_tables: has_nf_tables(),
            pasta_knows,
            pasta,
            slirp4netns: Tool::find("slirp4netns", user, option_env!("CLAUDEBOX_SLIRP4NETNS")),
        }
    }

    /// Whether this pasta knows a long option.
    #[must_use]
    pub fn knows(&self, option: &str) -> bool {
        self.pasta_knows.iter().any(|known| known == option)
    }
}

/// How long pasta may take to tell its options. It takes milliseconds.
const HELP_LIMIT: Duration = Duration::from_secs(1);

/// The long options that pasta lists in its help, or what is wrong with it.
fn options_of(program: &Text) -> Result<Vec<String>, String> {
    let output = help_of(program, &[])?;
    let mut options: Vec<String> = [&output.stdout, &output.stderr]
        .iter()
        .flat_map(|text| long_options(&String::from_utf8_lossy(text)))
        .collect();
    // Where the help is cut short, the exit status tells: an option that is unknown ends it with another one than the help.
    let asked = format!("--{PUBLISHED_INSIDE}");
    let is_cut = |text: &&Vec<u8>| !text.is_empty() && !text.ends_with(b"\n");
    let cut = [&output.stdout, &output.stderr].iter().any(is_cut);
    if cut && help_of(program, &[&asked])?.status.success() {
        options.push(PUBLISHED_INSIDE.into());
    }
    options.sort();
    options.dedup();
    if options.is_empty() {
        let said = output::said(&[&output.stderr, &output.stdout]);
        return Err(format!("asked for its options, it names none; {said}"));
    }
    Ok(options)
}

/// What pasta answers to these options with its help asked for.
fn help_of(program: &Text, options: &[&str]) -> Result<Output, String> {
    let mut command = Command::new(program);
    // Links are followed, and passt goes by the name that it is called by.
    command
        .arg0("pasta")
        .args(options)
        .arg("--help")
        .env_clear();
    command.stdin(Stdio::null());
    output::run_within(&mut command, HELP_LIMIT)
        .map_err(|error| format!("asked for its options, {error}"))
}

fn long_options(help: &str) -> Vec<String> {
    let words = help.split(|c: char| c.is_whitespace() || c == ',' || c == '=');
    let option = |word: &str| {
        let name = word.strip_prefix("--")?;
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        (plain && !name.is_empty()).then(|| name.to_owned())
    };
    words.filter_map(option).collect()
}

fn has_nf_tables() -> bool {
    if Path::new("/proc/net/netfilter").exists() || Path::new("/sys/module/nf_tables").exists() {
        return true;
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let modules = Path::new("/lib/modules").join(release.trim());
    ["modules.builtin", "modules.dep"].iter().any(|list| {
        fs::read_to_string(modules.join(list)).is_ok_and(|list| list.contains("/nf_tables.ko"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_from_the_help_of_a_program() {
        let help = "  -f, --foreground\tDon't run in background\n  --no-map-gw\t\tDon't map\n  -- x --=y\n";
        assert_eq!(long_options(help), ["foreground", "no-map-gw"]);
    }
}
