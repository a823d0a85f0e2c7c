//! Owns what of the network is opened beside the internet (NET-07), as it was asked for. Names stay names: `facts` looks them up.

use std::net::IpAddr;

use super::{Answer, ConfigError, Origin};
use crate::cli::{Entry, Tier};
use crate::fence::Protocol;
use crate::profile::Profile;
use crate::text::Text;

/// What is opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Openings {
    /// Hosts that are reachable although the fence would refuse them.
    pub allow: Vec<Allow>,
    /// Ports of the host's loopback, reachable on the loopback inside.
    pub host_ports: Vec<Port>,
    /// Ports inside, reachable on the host's loopback.
    pub publish: Vec<Port>,
}

/// One port of one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allow {
    /// An address, or a name.
    pub host: String,
    /// Its port.
    pub port: Port,
}

/// A port, and who named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The number.
    pub number: u16,
    /// TCP unless it says `/udp`.
    pub protocol: Protocol,
    /// Who.
    pub origin: Origin,
}

impl Openings {
    /// Whether nothing is opened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.host_ports.is_empty() && self.publish.is_empty()
    }

    /// The names that have to be looked up.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let names = self.allow.iter().map(|allow| allow.host.as_str());
        names
            .filter(|host| host.parse::<IpAddr>().is_err())
            .collect()
    }
}

/// Everything that flags and profiles open, for the tier that has a fence.
pub(super) fn requested(
    entry: &Entry,
    profiles: &[(Text, Profile)],
    tier: &Answer<Tier>,
) -> Result<Openings, ConfigError> {
    let mut openings = Openings::default();
    for (path, profile) in profiles {
        let origin = || Origin::Profile(path.clone());
        add(
            &mut openings,
            &profile.allow,
            &profile.host_ports,
            &profile.publish,
            |_| origin(),
        )?;
    }
    let shared = &entry.shared;
    add(
        &mut openings,
        &shared.allow,
        &shared.host_port,
        &shared.publish,
        |flag| Origin::Flag(flag.into()),
    )?;
    if tier.value != Tier::Inet
        && let Some(flag) = typed(entry)
    {
        return Err(ConfigError::Opening {
            value: flag.into(),
            origin: tier.origin.to_string(),
            why: format!("the tier `{}` has no fence to open", tier.value.name()),
            hint: "it is for --network inet".into(),
        });
    }
    Ok(openings)
}

/// A flag that opens something, typed for this launch. A profile is for every tier.
fn typed(entry: &Entry) -> Option<&'static str> {
    let shared = &entry.shared;
    let flags = [
        ("--allow", &shared.allow),
        ("--host-port", &shared.host_port),
        ("--publish", &shared.publish),
    ];
    flags
        .iter()
        .find(|(_, values)| !values.is_empty())
        .map(|(flag, _)| *flag)
}

fn add(
    openings: &mut Openings,
    allow: &[String],
    host_ports: &[String],
    publish: &[String],
    origin: impl Fn(&str) -> Origin,
) -> Result<(), ConfigError> {
    for typed in allow {
        openings.allow.push(read_allow(typed, origin("--allow"))?);
    }
    for typed in host_ports {
        openings
            .host_ports
            .push(read_port(typed, typed, origin("--host-port"))?);
    }
    for typed in publish {
        openings
            .publish
            .push(read_port(typed, typed, origin("--publish"))?);
    }
    Ok(())
}

fn refused(typed: &str, origin: &Origin, why: &str, hint: &str) -> ConfigError {
    ConfigError::Opening {
        value: typed.into(),
        origin: origin.to_string(),
        why: why.into(),
        hint: hint.into(),
    }
}

/// `HOST:PORT`, with `[…]` around an IPv6 address, and `/udp` at the end where it is not TCP.
fn read_allow(typed: &str, origin: Origin) -> Result<Allow, ConfigError> {
    let form = "write HOST:PORT, [IPV6]:PORT or HOST:PORT/udp: --allow 192.168.1.10:5432";
    let Some((host, port)) = typed.rsplit_once(':') else {
        return Err(refused(typed, &origin, "it names no port", form));
    };
    let bracketed = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let host = bracketed.unwrap_or(host);
    let address = host.parse::<IpAddr>().ok();
    if address.is_some_and(|address| address.is_ipv6()) != bracketed.is_some() {
        let why = "an IPv6 address, and nothing else, stands in brackets";
        return Err(refused(typed, &origin, why, form));
    }
    // ::ffff:127.0.0.1 leaves as IPv4 (RFC 4291, 2.5.5.2).
    match address.map(|address| address.to_canonical()) {
        Some(address) if leads_here(address) => {
            let hint = format!("--host-port {port} opens a port of the host's loopback");
            let why = "that is the sandbox's own loopback";
            return Err(refused(typed, &origin, why, &hint));
        }
        Some(address) if address.is_multicast() => {
            return Err(refused(typed, &origin, "that is no host", form));
        }
        None if !is_name(host) => {
            return Err(refused(
                typed,
                &origin,
                "that is neither an address nor a name",
                form,
            ));
        }
        _ => {}
    }
    Ok(Allow {
        host: host.into(),
        port: read_port(typed, port, origin)?,
    })
}

/// Whether a helper that connects there, or what is inside, comes out where it is itself.
#[must_use]
pub fn leads_here(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_loopback() || address.is_unspecified()
}

/// Whether it is the name of a host (RFC 1123, 2.1). An address that is written oddly is none: what it means is not clear.
fn is_name(host: &str) -> bool {
    let plain = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let labels = host.strip_suffix('.').unwrap_or(host);
    let last = labels.rsplit('.').next().unwrap_or_default();
    host.len() <= 253
        && labels.split('.').all(plain)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
        && !last.starts_with("0x")
}

fn read_port(typed: &str, port: &str, origin: Origin) -> Result<Port, ConfigError> {
    let (number, protocol) = match port.split_once('/') {
        None => (port, Protocol::Tcp),
        Some((number, "tcp")) => (number, Protocol::Tcp),
        Some((number, "udp")) => (number, Protocol::Udp),
        Some(_) => {
            return Err(refused(
                typed,
                &origin,
                "the protocol is tcp or udp",
                "such as 5353/udp",
            ));
        }
    };
    match number.parse::<u16>() {
        Ok(number) if number > 0 => Ok(Port {
            number,
            protocol,
            origin,
        }),
        _ => {
            let why = "a port is a number from 1 to 65535";
            Err(refused(typed, &origin, why, "one flag for each port"))
        }
    }
}
