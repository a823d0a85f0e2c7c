//! Owns the resolvers of the lab: one server, heard at each place where a host may have its resolver, and on the internet. It
//! writes down every question whose name carries the word of a trial ([`super::watch::word`]).
//!
//! What a name leads to is said by its first labels, so that no trial has to tell the server anything:
//!
//! | name | A | AAAA |
//! |---|---|---|
//! | `public.lab.example` | the first public address | the second |
//! | `inner.lab.example` | a neighbour | a neighbour |
//! | `mixed.…lab.example` | public and a neighbour | public |
//! | `flip.WORD.lab.example` | public at first, then the loopback and a neighbour | the same |
//! | `cname.…lab.example` | an alias of an alias of `inner.lab.example` | the same |
//! | `meta.…lab.example` | the metadata service | the same |
//! | below `intranet.lab.example` | a neighbour; no such name for who asks on the internet | the same |

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use simple_dns::rdata::{A, AAAA, CNAME, RData};
use simple_dns::{
    CLASS, Name, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, SimpleDnsError, TYPE,
};

use super::entrance::SEARCHED;
use super::map::{NEIGHBOURS, PUBLIC, Site, parsed};
use super::watch::{Books, Datagram, datagrams, port_in};

/// A name that leads to the first public addresses.
pub const PUBLIC_NAME: &str = "public.lab.example";

/// The port of all resolvers.
const PORT: u16 = 53;

/// Where they are heard, in one site.
pub(super) struct Server {
    site: Site,
    udp: [OwnedFd; 2],
    tcp: TcpListener,
}

impl Server {
    /// In the namespace of the calling thread.
    pub(super) fn new(site: Site) -> io::Result<Self> {
        let tcp = TcpListener::bind(("::", PORT))?;
        tcp.set_nonblocking(true)?;
        let udp = datagrams(PORT)?;
        Ok(Self { site, udp, tcp })
    }
}

/// Answers until the process ends.
pub(super) fn serve(servers: &[Server], books: &Books) {
    let mut asked = BTreeMap::new();
    loop {
        let sockets = servers
            .iter()
            .flat_map(|one| [one.udp[0].as_fd(), one.udp[1].as_fd(), one.tcp.as_fd()]);
        let mut polled: Vec<PollFd<'_>> = sockets
            .map(|socket| PollFd::new(socket, PollFlags::POLLIN))
            .collect();
        let _ = poll(&mut polled, PollTimeout::NONE);
        for server in servers {
            for socket in &server.udp {
                while let Some(question) = Datagram::receive(socket) {
                    let (to, from) = (question.to, question.from);
                    let answer = answer(&question.data, server.site, to, from, books, &mut asked);
                    let _ = answer.map(|answer| question.answer(socket, &answer));
                }
            }
            while let Ok((stream, from)) = server.tcp.accept() {
                let _ = over_tcp(stream, |question, to| {
                    answer(question, server.site, to, from.ip(), books, &mut asked)
                });
            }
        }
    }
}

/// One question over TCP: its length comes first (RFC 1035, 4.2.2).
fn over_tcp(
    mut stream: std::net::TcpStream,
    answer: impl FnOnce(&[u8], IpAddr) -> Option<Vec<u8>>,
) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_millis(200)))?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut question = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut question)?;
    let to = stream.local_addr()?.ip();
    let answer = answer(&question, to).unwrap_or_default();
    let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
    stream.write_all(&length.to_be_bytes())?;
    stream.write_all(&answer)
}

fn answer(
    question: &[u8],
    site: Site,
    to: IpAddr,
    from: IpAddr,
    books: &Books,
    asked: &mut BTreeMap<String, u32>,
) -> Option<Vec<u8>> {
    let packet = Packet::parse(question).ok()?;
    let first = packet.questions.first()?;
    let name = first.qname.to_string().to_lowercase();
    if let Some(port) = port_in(name.as_bytes()) {
        books.write(port, site, "dns", to, from);
    }
    let times = asked
        .entry(format!("{name} {:?}", first.qtype))
        .or_default();
    *times += 1;
    let records = records(&name, site, *times);
    let built = reply(&packet, &name, records, first.qtype);
    built.ok()
}

/// What a name leads to: an alias, or addresses; `None` where there is no such name.
fn records(name: &str, site: Site, times: u32) -> Option<Result<Vec<IpAddr>, String>> {
    let (public, inner) = (parsed(&PUBLIC), parsed(&NEIGHBOURS));
    let inner = [inner[1], inner[5]];
    let zone = name.strip_suffix("lab.example")?;
    let known = match zone.split('.').next().unwrap_or_default() {
        _ if name.ends_with(SEARCHED) => {
            if site == Site::Internet {
                return None;
            }
            inner.to_vec()
        }
        "public" => public[..2].to_vec(),
        "inner" => inner.to_vec(),
        "mixed" => vec![public[0], inner[0], public[1]],
        "flip" if times == 1 => public[..2].to_vec(),
        "flip" => vec![IpAddr::from([127, 0, 0, 1]), inner[0], inner[1]],
        "cname" => return Some(Err(format!("again.{}", name.trim_start_matches("cname.")))),
        "again" => return Some(Err("inner.lab.example".into())),
        "meta" => parsed(&["169.254.169.254", "fd00:ec2::254"]),
        _ => return None,
    };
    Some(Ok(known))
}

fn reply(
    question: &Packet<'_>,
    name: &str,
    records: Option<Result<Vec<IpAddr>, String>>,
    wanted: QTYPE,
) -> Result<Vec<u8>, SimpleDnsError> {
    let mut reply = Packet::new_reply(question.id());
    reply.set_flags(PacketFlag::RECURSION_AVAILABLE | PacketFlag::RECURSION_DESIRED);
    reply.questions.clone_from(&question.questions);
    let mut records = records;
    let mut owner = name.to_owned();
    // A resolver follows aliases itself.
    while let Some(Err(alias)) = records {
        let data = RData::CNAME(CNAME(Name::new(&alias)?.into_owned()));
        let at = Name::new(&owner)?.into_owned();
        let record = ResourceRecord::new(at, CLASS::IN, 0, data);
        reply.answers.push(record);
        records = self::records(&alias, Site::Lan, 1);
        owner = alias;
    }
    let Some(Ok(addresses)) = records else {
        *reply.rcode_mut() = RCODE::NameError;
        return reply.build_bytes_vec();
    };
    for address in addresses {
        let data = match (address, wanted) {
            (IpAddr::V4(four), QTYPE::TYPE(TYPE::A)) => RData::A(A::from(four)),
            (IpAddr::V6(six), QTYPE::TYPE(TYPE::AAAA)) => RData::AAAA(AAAA::from(six)),
            _ => continue,
        };
        let at = Name::new(&owner)?.into_owned();
        let record = ResourceRecord::new(at, CLASS::IN, 0, data);
        reply.answers.push(record);
    }
    reply.build_bytes_vec()
}
