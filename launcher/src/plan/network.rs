//! Owns the steps of the network tiers. On `inet`: outer namespaces, the fence, and the helper that carries packets.

use std::net::{IpAddr, SocketAddr};

use super::{Action, Namespace, Opened, PlanError, Step, Steps, process};
use crate::cli::Tier;
use crate::config::{Allow, Config, Openings, Origin, Port, leads_here};
use crate::facts::{Facts, NetworkTools, Tool};
use crate::fence::{Denied, Exception, Fence};
use crate::guard::Guard;
use crate::helper::{self, Families, Flag, Kind};
use crate::hint::Hint;
use crate::remedy::install_hint;
use crate::text::Text;

pub(super) fn add(steps: &mut Steps, config: &Config, facts: &Facts) -> Result<(), PlanError> {
    let origin = config.tier.origin.clone();
    match config.tier.value {
        Tier::None => {
            let action = Action::Unshare {
                namespace: Namespace::Network,
            };
            let why = "no network but its own loopback";
            steps.add_for(origin, Guard::NetNamespace, action, why);
            Ok(())
        }
        Tier::Inet => inet(steps, config, facts),
        Tier::Full => Ok(()),
    }
}

fn inet(steps: &mut Steps, config: &Config, facts: &Facts) -> Result<(), PlanError> {
    let origin = config.tier.origin.clone();
    let host = Parts::of(facts)?;
    host.refuse_ports(facts, &config.openings)?;
    let (uid, gid) = process::identity(facts);
    steps.add_for(
        origin.clone(),
        Guard::NetNamespace,
        Action::OuterNamespaces {
            uid,
            gid,
            launcher: facts.host.launcher.clone(),
        },
        "what is inside bwrap has no capability over it (user_namespaces(7))",
    );
    let fence = Action::LoadFence {
        nft: host.nft.clone(),
        fence: fence(facts, &host, &config.openings)?,
    };
    let why = "the internet, and nothing else of the network (nft(8))";
    steps.add_for(origin.clone(), Guard::EgressFence, fence, why);
    steps.add_for(
        origin.clone(),
        Guard::EgressFence,
        Action::FollowNetwork,
        "a new network of the host is no part of the internet either",
    );
    let carry = Action::Carry {
        helper: host.helper,
        program: host.program.clone(),
        device: helper::DEVICE.into(),
        families: host.families,
        forwarder: host.forwarder,
    };
    let why = "packets go through sockets of an ordinary process of yours";
    steps.add_for(origin, Guard::NetNamespace, carry, why);
    for Flag { words, why, closes } in host.flags(&config.openings) {
        let guard = if closes {
            Guard::HelperClosed
        } else {
            Guard::NetNamespace
        };
        steps.add(guard, Action::HelperOption { words }, why);
    }
    Ok(())
}

/// What of the tier the host has.
struct Parts<'a> {
    tools: &'a NetworkTools,
    nft: &'a Text,
    helper: Kind,
    program: &'a Text,
    families: Families,
    forwarder: Option<IpAddr>,
}

impl<'a> Parts<'a> {
    fn of(facts: &'a Facts) -> Result<Self, PlanError> {
        let Some(tools) = &facts.host.network_tools else {
            return Err(missing(
                "this host's part in it was not looked at",
                "please report this".into(),
            ));
        };
        let nft = tool(facts, &tools.nft, "nft", "nftables")?;
        if !tools.nf_tables {
            return Err(missing(
                "the kernel has no nf_tables",
                "sudo modprobe nf_tables; or claudebox --network none".into(),
            ));
        }
        let (helper, program) = choose(facts, tools)?;
        match tools.tun {
            Some(true) => {}
            Some(false) => {
                return Err(missing(
                    "/dev/net/tun cannot be opened by you",
                    "sudo chmod 0666 /dev/net/tun, as udev has it; a container needs --device /dev/net/tun".into(),
                ));
            }
            None => {
                return Err(missing(
                    "there is no /dev/net/tun",
                    "sudo modprobe tun; a container needs --device /dev/net/tun".into(),
                ));
            }
        }
        let families = families(facts, helper);
        if !families.four && !families.six {
            return Err(missing(
                "this host has no route to the internet",
                "connect to a network, or start with --network none".into(),
            ));
        }
        Ok(Self {
            tools,
            nft,
            helper,
            program,
            families,
            forwarder: helper::forwarder(families, &facts.network.resolvers),
        })
    }

    /// slirp4netns forwards no port by its command line, and with its way to the host's loopback shut reaches none there.
    fn refuse_ports(&self, facts: &Facts, openings: &Openings) -> Result<(), PlanError> {
        let ports = openings.host_ports.iter().chain(&openings.publish);
        match ports.last() {
            Some(port) if self.helper == Kind::Slirp4netns => Err(missing(
                &format!(
                    "slirp4netns cannot open port {} ({})",
                    port.number, port.origin
                ),
                format!("pasta can: {}", install_hint(&facts.host.os, "passt")),
            )),
            _ => Ok(()),
        }
    }

    fn flags(&self, openings: &Openings) -> Vec<Flag> {
        match self.helper {
            Kind::Pasta => helper::pasta(self.tools, self.families, self.forwarder, openings),
            Kind::Slirp4netns => helper::slirp4netns(),
        }
    }
}

fn missing(why: &str, hint: String) -> PlanError {
    PlanError::Network {
        why: why.into(),
        hint,
    }
}

fn tool<'a>(
    facts: &Facts,
    tool: &'a Tool,
    name: &str,
    package: &str,
) -> Result<&'a Text, PlanError> {
    match tool {
        Tool::Found(path) => Ok(path),
        Tool::Missing => Err(missing(
            &format!("{name} is not installed"),
            install_hint(&facts.host.os, package),
        )),
        Tool::Unfit(path, why) => Err(missing(
            &format!("{path} cannot be used: {why}"),
            format!(
                "one that works, and that root alone can write, is needed: {}",
                install_hint(&facts.host.os, package)
            ),
        )),
    }
}

/// pasta, where it can be made safe, else slirp4netns.
fn choose<'a>(facts: &Facts, tools: &'a NetworkTools) -> Result<(Kind, &'a Text), PlanError> {
    let lacking = helper::lacking(tools);
    if let Tool::Found(path) = &tools.pasta
        && lacking.is_empty()
    {
        return Ok((Kind::Pasta, path));
    }
    if let Tool::Found(path) = &tools.slirp4netns {
        return Ok((Kind::Slirp4netns, path));
    }
    let path = tool(facts, &tools.pasta, "pasta", "passt")?;
    let options: Vec<String> = lacking.iter().map(|option| format!("--{option}")).collect();
    Err(missing(
        &format!(
            "{path} is too old to be made safe, it lacks {}",
            options.join(", ")
        ),
        format!(
            "passt of 2023 or later is needed, or slirp4netns: {}",
            install_hint(&facts.host.os, "slirp4netns")
        ),
    ))
}

/// The families with a way to everywhere.
fn families(facts: &Facts, helper: Kind) -> Families {
    let reaches = |four: bool| {
        facts
            .network
            .routes
            .iter()
            .any(|route| route.is_default() && route.to.addr().is_ipv4() == four)
    };
    Families {
        four: reaches(true),
        six: helper == Kind::Pasta && reaches(false),
    }
}

fn fence(facts: &Facts, host: &Parts, openings: &Openings) -> Result<Fence, PlanError> {
    let protocols = helper::forwarded(host.helper, host.tools).iter();
    let forwarder = host.forwarder.iter().flat_map(|address| {
        protocols.clone().map(|protocol| Exception {
            address: *address,
            protocol: *protocol,
            port: 53,
            origin: Origin::Generated,
        })
    });
    let denied = Denied::of(&facts.network).map_err(|unread| {
        let hint = unread.hint().unwrap_or_default();
        missing(&unread.to_string(), hint)
    })?;
    let mut exceptions: Vec<Exception> = forwarder.collect();
    for Allow { host, port } in &openings.allow {
        for address in addresses(facts, host, port)? {
            exceptions.push(Exception {
                address,
                protocol: port.protocol,
                port: port.number,
                origin: port.origin.clone(),
            });
        }
    }
    Ok(Fence::new(denied, exceptions))
}

/// What `host` means. A name that leads to the host's loopback would open the sandbox's own.
fn addresses(facts: &Facts, host: &str, port: &Port) -> Result<Vec<IpAddr>, PlanError> {
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    let refused = |why: &str| {
        let why = format!("{host} ({}): {why}", port.origin);
        missing(
            &why,
            format!("give an address: --allow ADDRESS:{}", port.number),
        )
    };
    match facts.names.get(host) {
        Some(Ok(found)) if found.iter().copied().any(leads_here) => Err(missing(
            &format!("{host} ({}) is the host's loopback", port.origin),
            format!("--host-port {} opens a port there", port.number),
        )),
        Some(Ok(found)) => Ok(found.clone()),
        Some(Err(why)) => Err(refused(why)),
        None => Err(refused("nobody looked it up")),
    }
}

/// What somebody opened beside the tier, as a person reads it.
pub(super) fn opened(config: &Config, steps: &[Step]) -> Vec<Opened> {
    if config.tier.value != Tier::Inet {
        return Vec::new();
    }
    let mut opened = Vec::new();
    let exceptions = steps.iter().find_map(|step| match &step.action {
        Action::LoadFence { fence, .. } => Some(&fence.exceptions),
        _ => None,
    });
    for one in exceptions.into_iter().flatten() {
        if one.origin != Origin::Generated {
            let at = SocketAddr::new(one.address, one.port);
            let what = format!("{at}/{} from inside", one.protocol);
            let origin = one.origin.clone();
            opened.push(Opened { what, origin });
        }
    }
    let mut ports = |ports: &[Port], whose: &str| {
        for port in ports {
            let what = format!("port {}/{} {whose}", port.number, port.protocol);
            let origin = port.origin.clone();
            opened.push(Opened { what, origin });
        }
    };
    ports(
        &config.openings.host_ports,
        "of the host's loopback from inside",
    );
    ports(&config.openings.publish, "inside from the host's loopback");
    opened
}

/// What a person should know of the network: each is less than the tier has elsewhere.
pub(super) fn notes(config: &Config, facts: &Facts) -> Vec<String> {
    let Some(tools) = facts.host.network_tools.as_ref() else {
        return Vec::new();
    };
    if config.tier.value != Tier::Inet {
        return Vec::new();
    }
    let mut notes = Vec::new();
    if let Ok((Kind::Slirp4netns, program)) = choose(facts, tools) {
        let pasta = match &tools.pasta {
            Tool::Missing => "pasta is not installed".to_owned(),
            Tool::Found(path) => format!("{path} is too old"),
            Tool::Unfit(path, why) => format!("{path} cannot be used: {why}"),
        };
        notes.push(format!("network: IPv4 alone, by {program}; {pasta}"));
    }
    let carried = choose(facts, tools).map(|(helper, _)| families(facts, helper));
    if let Ok(carried) = carried
        && helper::forwarder(carried, &facts.network.resolvers).is_none()
    {
        notes.push(
            "network: no name resolves, as this host has no resolver of a family that is carried"
                .into(),
        );
    }
    notes
}
