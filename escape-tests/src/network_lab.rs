//! Owns the lab of networks: a host, its local network, a mesh, a container, metadata services and an internet, all in network
//! namespaces of this process ([`map`]), with listeners that tell who was reached. No packet leaves them.
//!
//! It is made by root alone, once for all trials of a process ([`shared`]). Each trial listens at a port of its own ([`watch`]), so
//! trials do not disturb each other; two labs know nothing of each other. All of it is held by descriptors and sockets of this
//! process, so the kernel removes it when that ends, by a panic and by SIGKILL too.

pub mod entrance;
pub mod ground;
pub mod map;
pub mod names;
pub mod namespace;
pub mod watch;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;

use nix::net::if_::if_nametoindex;

use self::entrance::{Entrance, Resolver, Swap};
use self::map::{LINKS, Site};
use self::names::Server;
use self::namespace::Namespace;
use self::watch::{Books, Watch};

/// The lab.
#[derive(Debug)]
pub struct NetworkLab {
    sites: BTreeMap<Site, Namespace>,
    entrances: Vec<(Resolver, Entrance)>,
    books: Books,
    next: AtomicU16,
}

/// The first port of a trial. All of them lie below those that the kernel hands out (ip_local_port_range).
const FIRST_PORT: u16 = 20000;

/// The device of the local network, by an address.
const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 168, 77, 1);

/// The lab of this process, which is made when it is first asked for.
///
/// # Errors
/// Why there is none, the same each time.
pub fn shared() -> Result<&'static NetworkLab, &'static str> {
    static SHARED: OnceLock<Result<NetworkLab, String>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| {
        NetworkLab::new().map_err(|error| format!("making the lab of networks: {error}"))
    });
    shared.as_ref().map_err(String::as_str)
}

impl NetworkLab {
    /// A lab of its own.
    ///
    /// # Errors
    /// What could not be made.
    pub fn new() -> io::Result<Self> {
        let mut sites = BTreeMap::new();
        for site in Site::ALL {
            sites.insert(site, Namespace::new()?);
        }
        for namespace in sites.values() {
            // Of these a new namespace may take over what this machine has (devconf_inherit_init_net).
            namespace.set(&[
                ("ipv4/conf/all/rp_filter", "0"),
                ("ipv4/conf/default/rp_filter", "0"),
                ("ipv4/ip_forward", "0"),
                ("ipv4/conf/all/accept_local", "0"),
                ("ipv6/conf/all/disable_ipv6", "0"),
                ("ipv6/conf/default/disable_ipv6", "0"),
                ("ipv6/conf/default/accept_ra", "0"),
                ("ipv6/conf/default/accept_dad", "0"),
                // Echo requests for everyone, as systemd sets it.
                ("ipv4/ping_group_range", "0 2147483647"),
                // Answers come from addresses that no device has.
                ("ipv6/ip_nonlocal_bind", "1"),
            ])?;
            namespace.ip(&[], "link set lo up\n")?;
        }
        for link in &LINKS {
            let [(near, device), (far, other)] = link.ends;
            let there = sites[&far].path();
            let address = link
                .tunnel
                .map_or(String::new(), |address| format!("address {address}"));
            let mut made = format!(
                "link add {device} {address} type veth peer name {other} {address} netns {}\n",
                there.display()
            );
            let arp = if link.tunnel.is_some() { "arp off" } else { "" };
            let up = |device: &str| {
                format!("link set {device} addrgenmode none {arp}\nlink set {device} up\n")
            };
            made += &up(device);
            sites[&near].ip(&[], &made)?;
            sites[&far].ip(&[], &up(other))?;
        }
        for (site, namespace) in &sites {
            let rules = map::rules(*site);
            if !rules.is_empty() {
                namespace.ip(&["-4"], rules)?;
                namespace.ip(&["-6"], rules)?;
            }
            namespace.ip(&[], map::lines(*site))?;
        }
        // A connection that nobody answers is given up after 7 s and not after two minutes (ip-sysctl.rst), so that a test can wait
        // for the end of what a helper has begun.
        sites[&Site::Host].set(&[("ipv4/tcp_syn_retries", "2")])?;
        sites[&Site::Lan].set(&[
            ("ipv4/ip_forward", "1"),
            ("ipv6/conf/all/forwarding", "1"),
            // Groups answer.
            ("ipv4/icmp_echo_ignore_broadcasts", "0"),
        ])?;
        let books = Books::default();
        serve(&sites, &books)?;
        let entrances = Resolver::ALL.map(|one| Ok((one, Entrance::new(one)?)));
        let entrances = entrances.into_iter().collect::<io::Result<_>>()?;
        let next = AtomicU16::new(FIRST_PORT);
        Ok(Self {
            sites,
            entrances,
            books,
            next,
        })
    }

    /// Listens everywhere for one trial, and writes down in `heard` what comes.
    ///
    /// # Errors
    /// As bind(2).
    pub fn watch(&self, heard: &Path) -> io::Result<Watch> {
        let port = self.next.fetch_add(1, Ordering::Relaxed);
        let sites = self
            .sites
            .iter()
            .map(|(site, namespace)| (*site, namespace));
        Watch::new(sites, &self.books, port, heard)
    }

    /// A site.
    #[must_use]
    pub fn at(&self, site: Site) -> &Namespace {
        &self.sites[&site]
    }

    /// How the kernel calls the host's network namespace.
    ///
    /// # Errors
    /// As readlink(2).
    pub fn host_name(&self) -> io::Result<String> {
        self.at(Site::Host).name()
    }

    /// Starts a program on the host, with this resolver.
    ///
    /// # Errors
    /// As the standard library's.
    pub fn spawn(&self, resolver: Resolver, command: &mut Command) -> io::Result<Child> {
        self.spawn_with(resolver, &[], command)
    }

    /// The same, where some programs of the machine are others.
    ///
    /// # Errors
    /// As the standard library's.
    pub fn spawn_with(
        &self,
        resolver: Resolver,
        swaps: &[Swap],
        command: &mut Command,
    ) -> io::Result<Child> {
        let entrance = self.entrances.iter().find(|(one, _)| *one == resolver);
        let (_, entrance) = entrance.ok_or_else(|| io::Error::other("no such resolver"))?;
        entrance.spawn(self.at(Site::Host), swaps, command)
    }
}

/// Starts what listens for all trials at once: the resolvers, and the members of groups.
fn serve(sites: &BTreeMap<Site, Namespace>, books: &Books) -> io::Result<()> {
    let mut servers = Vec::new();
    for (site, namespace) in sites {
        servers.push(namespace.within(|| Server::new(*site))?);
    }
    let members = sites[&Site::Lan].within(join_groups)?;
    let of_names = books.clone();
    thread::spawn(move || {
        names::serve(&servers, &of_names);
        drop(members);
    });
    Ok(())
}

/// Who is in a group as long as it is open: datagrams to it come to every socket then.
fn join_groups() -> io::Result<Vec<UdpSocket>> {
    let device = if_nametoindex("eth0")?;
    let groups = map::parsed(&map::GROUPS).into_iter();
    let joined = groups.map(|group| {
        let member = match group {
            IpAddr::V4(four) => {
                let member = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
                member.join_multicast_v4(&four, &ROUTER)?;
                member
            }
            IpAddr::V6(six) => {
                let member = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?;
                member.join_multicast_v6(&six, device)?;
                member
            }
        };
        Ok(member)
    });
    joined.collect()
}
