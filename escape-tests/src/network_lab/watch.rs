//! Owns listening for one trial: at a port of its own in every site, by TCP and UDP of both families, and for echo requests that
//! carry its word. What was heard goes into a file, a line each, as with the neighbour.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, IoSlice, IoSliceMut, PipeWriter, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6, TcpListener};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::{Ipv4PacketInfo, Ipv6RecvPacketInfo, Ipv6V6Only};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockProtocol, SockType,
    SockaddrIn, SockaddrIn6, SockaddrStorage, bind, recvmsg, sendmsg, setsockopt, socket,
};

use super::map::Site;
use super::namespace::Namespace;

/// The answer of every listener.
pub const ANSWER: &[u8] = b"heard";

/// One contact, as it stands in a line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Contact {
    /// Where it was heard.
    pub site: String,
    /// By what: `tcp`, `udp`, `icmp` or `dns`.
    pub by: String,
    /// Which address it was for.
    pub to: IpAddr,
    /// Who it is from.
    pub from: IpAddr,
}

impl fmt::Display for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { site, by, to, from } = self;
        write!(f, "{site} {by} {to} {from}")
    }
}

/// The contacts of a trial, in order.
#[must_use]
pub fn contacts(heard: &Path) -> Vec<Contact> {
    let text = fs::read_to_string(heard).unwrap_or_default();
    let lines = text.lines().filter_map(|line| {
        let mut words = line.split(' ');
        Some(Contact {
            site: words.next()?.to_owned(),
            by: words.next()?.to_owned(),
            to: words.next()?.parse().ok()?,
            from: words.next()?.parse().ok()?,
        })
    });
    lines.collect()
}

/// The word in an echo request or the label of a name that belongs to the trial at this port.
#[must_use]
pub fn word(port: u16) -> String {
    format!("claudebox-{port}-lab")
}

/// The port of [`word`], where there is one in this text.
pub(super) fn port_in(text: &[u8]) -> Option<u16> {
    let text = String::from_utf8_lossy(text);
    let (port, _) = text.split_once("claudebox-")?.1.split_once("-lab")?;
    port.parse().ok()
}

/// The files of all trials that listen now, by port.
#[derive(Debug, Clone, Default)]
pub(super) struct Books(Arc<Mutex<BTreeMap<u16, File>>>);

impl Books {
    /// Writes one contact down. What nobody listens for any more is nobody's.
    pub(super) fn write(&self, port: u16, site: Site, by: &str, to: IpAddr, from: IpAddr) {
        let mut books = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = books.get_mut(&port) {
            let (to, from) = (to.to_canonical(), from.to_canonical());
            let line = format!("{} {by} {to} {from}\n", site.name());
            // A contact that cannot be written down would be silence.
            file.write_all(line.as_bytes())
                .expect("writing down what was heard");
        }
    }
}

/// The listeners of one trial. They end with this value.
#[derive(Debug)]
pub struct Watch {
    /// Their port.
    pub port: u16,
    books: Books,
    control: Option<PipeWriter>,
    passes: Mutex<mpsc::Receiver<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

struct Listeners {
    site: Site,
    tcp: TcpListener,
    udp: [OwnedFd; 2],
    icmp: [OwnedFd; 2],
}

impl Watch {
    pub(super) fn new<'a>(
        sites: impl Iterator<Item = (Site, &'a Namespace)>,
        books: &Books,
        port: u16,
        heard: &Path,
    ) -> io::Result<Self> {
        let file = File::options().append(true).create(true).open(heard)?;
        let mut listeners = Vec::new();
        for (site, namespace) in sites {
            listeners.push(namespace.within(|| {
                let tcp = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port))?;
                tcp.set_nonblocking(true)?;
                let (udp, icmp) = (datagrams(port)?, echo_requests()?);
                Ok(Listeners {
                    site,
                    tcp,
                    udp,
                    icmp,
                })
            })?);
        }
        let mut all = books.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(port, file);
        drop(all);
        let (mut told, control) = io::pipe()?;
        let (passed, passes) = mpsc::channel();
        let of_thread = books.clone();
        let thread = thread::spawn(move || {
            let mut streams = Vec::new();
            loop {
                let mut polled = vec![PollFd::new(told.as_fd(), PollFlags::POLLIN)];
                for one in &listeners {
                    polled.push(PollFd::new(one.tcp.as_fd(), PollFlags::POLLIN));
                    let udp = one.udp.iter().chain(&one.icmp);
                    polled.extend(udp.map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)));
                }
                let _ = poll(&mut polled, PollTimeout::NONE);
                let is_told = polled[0].any().unwrap_or(true);
                for one in &listeners {
                    // Whoever does not ask for the answer would be cut off with a reset, were the stream closed at once.
                    streams.extend(accepted(one, port, &of_thread));
                    received(one, port, &of_thread);
                    requested(one, port, &of_thread);
                }
                // The end of the pipe, or a word: see `settle`.
                if is_told && (!matches!(told.read(&mut [0]), Ok(1)) || passed.send(()).is_err()) {
                    return;
                }
            }
        });
        Ok(Self {
            port,
            books: books.clone(),
            control: Some(control),
            passes: Mutex::new(passes),
            thread: Some(thread),
        })
    }
}

impl Watch {
    /// What had reached a listener when this was called is written down when it returns.
    ///
    /// # Errors
    /// Where who listens is gone.
    pub fn settle(&self) -> io::Result<()> {
        let passes = self.passes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut control = self.control.as_ref();
        control
            .as_mut()
            .map_or(Ok(()), |control| control.write_all(&[1]))?;
        let passed = passes.recv_timeout(Duration::from_secs(5));
        passed.map_err(io::Error::other)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.control.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let mut books = self.books.0.lock().unwrap_or_else(PoisonError::into_inner);
        books.remove(&self.port);
    }
}

/// Sockets for datagrams, one for each family, which tell which address each was for. One for both would hear no IPv4 group that
/// another socket joined (IP_MULTICAST_ALL, ip(7)).
pub(super) fn datagrams(port: u16) -> io::Result<[OwnedFd; 2]> {
    let made = |family| {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        socket(family, SockType::Datagram, flags, None)
    };
    let (four, six) = (made(AddressFamily::Inet)?, made(AddressFamily::Inet6)?);
    setsockopt(&four, Ipv4PacketInfo, &true)?;
    setsockopt(&six, Ipv6RecvPacketInfo, &true)?;
    setsockopt(&six, Ipv6V6Only, &true)?;
    let any = SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port));
    bind(four.as_raw_fd(), &any)?;
    let any = SockaddrIn6::from(SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0));
    bind(six.as_raw_fd(), &any)?;
    Ok([four, six])
}

fn accepted(one: &Listeners, port: u16, books: &Books) -> Vec<std::net::TcpStream> {
    let mut streams = Vec::new();
    while let Ok((mut stream, from)) = one.tcp.accept() {
        if let Ok(to) = stream.local_addr() {
            books.write(port, one.site, "tcp", to.ip(), from.ip());
        }
        let _ = stream.write_all(ANSWER);
        streams.push(stream);
    }
    streams
}

fn received(one: &Listeners, port: u16, books: &Books) {
    for socket in &one.udp {
        while let Some(datagram) = Datagram::receive(socket) {
            books.write(port, one.site, "udp", datagram.to, datagram.from);
            let _ = datagram.answer(socket, ANSWER);
        }
    }
}

/// Sockets that get every ICMP message of a namespace, one for each family (raw(7)). The kernel answers.
fn echo_requests() -> io::Result<[OwnedFd; 2]> {
    let made = |family, protocol| {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        socket(family, SockType::Raw, flags, Some(protocol))
    };
    let four = made(AddressFamily::Inet, SockProtocol::Icmp)?;
    let six = made(AddressFamily::Inet6, SockProtocol::IcmpV6)?;
    setsockopt(&four, Ipv4PacketInfo, &true)?;
    setsockopt(&six, Ipv6RecvPacketInfo, &true)?;
    Ok([four, six])
}

/// Echo requests with the word of this trial.
fn requested(one: &Listeners, port: u16, books: &Books) {
    /// Types of messages (RFC 792, RFC 4443).
    const ECHO_REQUEST: [u8; 2] = [8, 128];
    for (socket, request) in one.icmp.iter().zip(ECHO_REQUEST) {
        while let Some(message) = Datagram::receive(socket) {
            // For IPv4 the header of IP comes first: its length is in its first byte (RFC 791, 3.1).
            let header = match message.to {
                IpAddr::V4(_) => usize::from(message.data.first().unwrap_or(&0) & 15) * 4,
                IpAddr::V6(_) => 0,
            };
            let is_request = message.data.get(header) == Some(&request);
            if is_request && port_in(&message.data) == Some(port) {
                books.write(port, one.site, "icmp", message.to, message.from);
            }
        }
    }
}

/// A datagram that came.
pub(super) struct Datagram {
    pub(super) data: Vec<u8>,
    pub(super) to: IpAddr,
    pub(super) from: IpAddr,
    sender: SockaddrStorage,
    information: Information,
}

/// By which device and for which address it came.
#[derive(Clone, Copy)]
enum Information {
    Four(libc::in_pktinfo),
    Six(libc::in6_pktinfo),
}

impl Datagram {
    pub(super) fn receive(socket: &impl AsRawFd) -> Option<Self> {
        let mut buffer = [0; 2048];
        let mut space = nix::cmsg_space!(libc::in6_pktinfo);
        let mut parts = [IoSliceMut::new(&mut buffer)];
        let (length, sender, information) = {
            let (socket, flags) = (socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
            let message = recvmsg::<SockaddrStorage>(socket, &mut parts, Some(&mut space), flags);
            let message = message.ok()?;
            let information = message.cmsgs().ok()?.find_map(|one| match one {
                ControlMessageOwned::Ipv4PacketInfo(four) => Some(Information::Four(four)),
                ControlMessageOwned::Ipv6PacketInfo(six) => Some(Information::Six(six)),
                _ => None,
            })?;
            (message.bytes, message.address?, information)
        };
        let to: IpAddr = match information {
            Information::Four(four) => Ipv4Addr::from(four.ipi_addr.s_addr.to_ne_bytes()).into(),
            Information::Six(six) => Ipv6Addr::from(six.ipi6_addr.s6_addr).into(),
        };
        let four = sender.as_sockaddr_in().map(|four| IpAddr::V4(four.ip()));
        let from = four.or_else(|| sender.as_sockaddr_in6().map(|six| six.ip().into()))?;
        let data = buffer[..length].to_vec();
        Some(Self {
            data,
            to,
            from,
            sender,
            information,
        })
    }

    /// Answers from the address that was asked. For a group or all of a network the kernel chooses it.
    pub(super) fn answer(&self, socket: &impl AsRawFd, data: &[u8]) -> io::Result<()> {
        let mut information = self.information;
        let to_all = match &mut information {
            Information::Four(four) => {
                // What the kernel would answer from: another address than the one that was asked, where that is not one host's.
                let own = four.ipi_spec_dst.s_addr;
                let all = own != four.ipi_addr.s_addr;
                four.ipi_spec_dst = four.ipi_addr;
                all
            }
            Information::Six(_) => self.to.is_multicast(),
        };
        let control = match &information {
            _ if to_all => Vec::new(),
            Information::Four(four) => vec![ControlMessage::Ipv4PacketInfo(four)],
            Information::Six(six) => vec![ControlMessage::Ipv6PacketInfo(six)],
        };
        let (data, flags) = ([IoSlice::new(data)], MsgFlags::empty());
        let (socket, sender) = (socket.as_raw_fd(), Some(&self.sender));
        sendmsg(socket, &data, &control, flags, sender)?;
        Ok(())
    }
}
