//! Owns `/etc` inside: generated files, and the few things of the host that programs need and that tell nothing (FS-B).

use std::path::Path;

use super::{Action, Steps, process};
use crate::cli::Tier;
use crate::config::Config;
use crate::facts::{Facts, RESOLVED_ETC};
use crate::guard::Guard;
use crate::text::Text;

/// `/etc` for `config`.
pub(super) fn add(steps: &mut Steps, config: &Config, facts: &Facts) {
    let forwarder = steps.forwarder();
    let mut file = |guard, at: &str, content: Text, why: &str| {
        steps.add(
            guard,
            Action::File {
                at: at.into(),
                content,
            },
            why,
        );
    };
    let (uid, gid) = process::identity(facts);
    let (name, home) = (&facts.user.name, &facts.user.home);
    let name = name.to_string_lossy();
    let shell = shell(facts);
    let mut passwd = std::ffi::OsString::from(format!("{name}:x:{uid}:{gid}::"));
    passwd.push(home);
    passwd.push(":");
    passwd.push(&shell);
    passwd.push("\nnobody:x:65534:65534::/:/bin/false\n");
    // A colon or a newline in the path of the home folder would make another account of it.
    let plain = !home
        .as_encoded_bytes()
        .iter()
        .any(|byte| b":\n".contains(byte));
    let passwd = if plain {
        passwd.into()
    } else {
        Text::from("nobody:x:65534:65534::/:/bin/false\n")
    };
    file(
        Guard::EtcGenerated,
        "/etc/passwd",
        passwd,
        "the user, and nobody",
    );
    let group = format!("{name}:x:{gid}:\nnogroup:x:65534:\n");
    file(
        Guard::EtcGenerated,
        "/etc/group",
        group.into(),
        "the user's group, and nobody's",
    );
    let hosts = "127.0.0.1 localhost\n::1 localhost\n127.0.1.1 claudebox\n";
    file(
        Guard::EtcGenerated,
        "/etc/hosts",
        hosts.into(),
        "the sandbox itself",
    );
    file(
        Guard::EtcGenerated,
        "/etc/hostname",
        "claudebox\n".into(),
        "a generic name",
    );
    let (guard, hosts, resolv) = match config.tier.value {
        Tier::None => (
            Guard::NoResolvers,
            "files",
            "# network tier `none`: no name resolves\n".to_owned(),
        ),
        Tier::Inet => (
            Guard::EtcGenerated,
            "files dns",
            forwarder.map_or_else(String::new, |at| format!("nameserver {at}\n")),
        ),
        Tier::Full => (
            Guard::EtcGenerated,
            "files dns",
            facts.host.resolvers.join("\n") + "\n",
        ),
    };
    let nsswitch = format!(
        "passwd: files\ngroup: files\nshadow: files\nhosts: {hosts}\nservices: files\nprotocols: files\n"
    );
    file(
        guard,
        "/etc/nsswitch.conf",
        nsswitch.into(),
        "no module that talks to a service of the host",
    );
    file(
        guard,
        "/etc/resolv.conf",
        resolv.into(),
        "where names are resolved on this tier",
    );
    for path in RESOLVED_ETC {
        let Some(node) = facts.node(Path::new(path)) else {
            continue;
        };
        let shown = steps.shows(&node.real);
        let action = if node.link && shown {
            Action::Link {
                at: path.into(),
                to: node.real.clone(),
            }
        } else {
            Action::Bind {
                from: node.real.clone(),
                at: path.into(),
                writable: false,
            }
        };
        steps.add(
            Guard::EtcGenerated,
            action,
            "certificates, locale, time zone, library cache, alternatives",
        );
    }
}

/// The user's shell inside: bash where there is one (FS-C).
pub(super) fn shell(facts: &Facts) -> Text {
    facts.host.bash.clone().unwrap_or_else(|| "/bin/sh".into())
}
