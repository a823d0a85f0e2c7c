//! Owns single packets: the ways to send one to an address, and what came of it. The inside half sends, and so do checks from
//! outside; who may be sent to is said elsewhere.

use std::io::{self, IoSlice, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::net::if_::if_nametoindex;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn,
    SockaddrIn6, connect, recv, sendmsg, sendto, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use super::bait::ATTACK;
use super::network::of_this_host;
use crate::probe::Act;

/// Longer than an answer over the loopback takes.
pub const SOON: Duration = Duration::from_millis(300);

/// Whether a packet to there stays on this namespace's loopback.
#[must_use]
pub fn is_loopback(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => four.is_loopback() || four.is_unspecified(),
        IpAddr::V6(six) => {
            let mapped = six.to_ipv4_mapped().map(IpAddr::V4);
            six.is_loopback() || six.is_unspecified() || mapped.is_some_and(is_loopback)
        }
    }
}

/// Whether it is the address of a group, or of all on the link.
#[must_use]
pub fn is_to_many(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(four) => four.is_multicast() || four.is_broadcast(),
        IpAddr::V6(six) => six.is_multicast(),
    }
}

/// By its device where the address says nothing without one.
#[must_use]
pub fn place(address: IpAddr, port: u16) -> SocketAddr {
    match address {
        IpAddr::V6(six) if six.is_unicast_link_local() || six.is_multicast() => {
            SocketAddrV6::new(six, port, 0, device_number()).into()
        }
        _ => SocketAddr::new(address, port),
    }
}

/// The device that leads out: the only one of a sandbox, and on the host of the lab that of its local network.
#[must_use]
pub fn device() -> String {
    let (_, devices) = of_this_host().unwrap_or_default();
    let of_lan = devices.iter().find(|device| *device == "eth0");
    let device = of_lan.or(devices.first());
    device.map_or("lo".to_owned(), String::clone)
}

fn device_number() -> u32 {
    if_nametoindex(device().as_str()).unwrap_or(1)
}

/// A connection.
#[must_use]
pub fn tcp(address: IpAddr, port: u16) -> Act {
    let answer = || {
        let mut stream = TcpStream::connect_timeout(&place(address, port), SOON)?;
        // A helper may lose a packet; whoever made the connection waits for it to be sent again, and no longer.
        stream.set_read_timeout(Some(10 * SOON))?;
        stream.write_all(ATTACK.as_bytes())?;
        stream.read(&mut [0; 16])
    };
    no_answer(answer())
}

/// A datagram, also to a group or to all.
#[must_use]
pub fn udp(address: IpAddr, port: u16) -> Act {
    let place = place(address, port);
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let answer = || {
        let mut socket = UdpSocket::bind((any, 0))?;
        if socket.local_addr()?.port() == port {
            // It would answer itself. The first one still has that port, so this one gets another.
            let own = socket;
            socket = UdpSocket::bind((any, 0))?;
            drop(own);
        }
        socket.set_broadcast(true)?;
        if !is_loopback(address) {
            socket.send_to(ATTACK.as_bytes(), place)?;
        }
        socket.set_read_timeout(Some(SOON))?;
        if !is_to_many(address) {
            // Connected, the socket hears that nobody listens, and does not hear members of a group.
            socket.connect(place)?;
            socket.send(ATTACK.as_bytes())?;
        }
        socket.recv(&mut [0; 16])
    };
    no_answer(answer())
}

/// What an attempt saw of a packet that went nowhere, as far as it can tell.
pub const NO_ANSWER: &str = "sent, and no answer";

/// A packet that went and brought no answer went all the same.
fn no_answer(answer: io::Result<usize>) -> Act {
    match answer {
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Act::saw(NO_ANSWER),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Act::saw(NO_ANSWER),
        answer => Act::of(answer),
    }
}

/// An echo request that carries `word`, by the socket that needs no capability (icmp(7)).
#[must_use]
pub fn echo(address: IpAddr, word: &str) -> Act {
    let (family, protocol) = match address {
        IpAddr::V6(six) if six.to_ipv4_mapped().is_none() => {
            (AddressFamily::Inet6, SockProtocol::IcmpV6)
        }
        _ => (AddressFamily::Inet, SockProtocol::Icmp),
    };
    let made = socket(family, SockType::Datagram, SockFlag::SOCK_CLOEXEC, protocol);
    let answer = made
        .map_err(io::Error::from)
        .and_then(|socket| asked(&socket, address, word));
    no_answer(answer)
}

/// Sends an echo request and waits for what comes back.
fn asked(socket: &OwnedFd, address: IpAddr, word: &str) -> io::Result<usize> {
    let wait = TimeVal::milliseconds(i64::try_from(SOON.as_millis()).map_err(io::Error::other)?);
    setsockopt(socket, sockopt::ReceiveTimeout, &wait)?;
    setsockopt(socket, sockopt::Broadcast, &true)?;
    // The kernel fills in the sum and the identifier (RFC 792, RFC 4443).
    let request = |kind: u8| [&[kind, 0, 0, 0, 0, 0, 0, 1], word.as_bytes()].concat();
    let none = MsgFlags::empty();
    match place(address.to_canonical(), 0) {
        SocketAddr::V4(four) => sendto(
            socket.as_raw_fd(),
            &request(8),
            &SockaddrIn::from(four),
            none,
        )?,
        SocketAddr::V6(six) => sendto(
            socket.as_raw_fd(),
            &request(128),
            &SockaddrIn6::from(six),
            none,
        )?,
    };
    Ok(recv(socket.as_raw_fd(), &mut [0; 256], none)?)
}

/// What is done to a socket before it sends.
pub type Prepare = fn(&OwnedFd, IpAddr) -> io::Result<()>;

/// A socket of that kind for that address, prepared, which waits for nothing for long.
fn prepared(address: IpAddr, kind: SockType, prepare: Prepare) -> io::Result<OwnedFd> {
    let family = match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    let socket = socket(family, kind, SockFlag::SOCK_CLOEXEC, None)?;
    let wait = TimeVal::milliseconds(i64::try_from(SOON.as_millis()).map_err(io::Error::other)?);
    setsockopt(&socket, sockopt::ReceiveTimeout, &wait)?;
    setsockopt(&socket, sockopt::Broadcast, &true)?;
    prepare(&socket, address)?;
    Ok(socket)
}

/// A connection by a prepared socket, which is not waited for in connect(2).
#[must_use]
pub fn tcp_by(address: IpAddr, port: u16, prepare: Prepare) -> Act {
    let answer = || {
        let socket = prepared(address, SockType::Stream, prepare)?;
        let mut stream = TcpStream::from(socket);
        stream.set_nonblocking(true)?;
        match connected(&stream, address, port) {
            Err(Errno::EINPROGRESS) => {
                let wait = PollTimeout::try_from(SOON).map_err(io::Error::other)?;
                let mut polled = [PollFd::new(stream.as_fd(), PollFlags::POLLOUT)];
                if poll(&mut polled, wait)? == 0 {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                stream.take_error()?.map_or(Ok(()), Err)?;
            }
            connected => connected?,
        }
        stream.set_nonblocking(false)?;
        stream.write_all(ATTACK.as_bytes())?;
        stream.read(&mut [0; 16])
    };
    no_answer(answer())
}

/// A connection that connect(2) waits for, longer than until the first packet is sent again.
#[must_use]
pub fn tcp_waiting(address: IpAddr, port: u16) -> Act {
    let patient: Prepare = |socket, _| {
        let wait = TimeVal::milliseconds(1500);
        // Of connect(2) too (socket(7)).
        Ok(setsockopt(socket, sockopt::SendTimeout, &wait)?)
    };
    let answer = || {
        let socket = prepared(address, SockType::Stream, patient)?;
        match connected(&socket, address, port) {
            Err(Errno::EINPROGRESS) => Err(io::ErrorKind::TimedOut.into()),
            connected => Ok(connected.map(|()| 0)?),
        }
    };
    no_answer(answer())
}

fn connected(socket: &impl AsRawFd, address: IpAddr, port: u16) -> nix::Result<()> {
    match place(address, port) {
        SocketAddr::V4(four) => connect(socket.as_raw_fd(), &SockaddrIn::from(four)),
        SocketAddr::V6(six) => connect(socket.as_raw_fd(), &SockaddrIn6::from(six)),
    }
}

/// A datagram by a prepared socket, with these flags of send(2).
#[must_use]
pub fn udp_by(address: IpAddr, port: u16, flags: MsgFlags, prepare: Prepare) -> Act {
    let answer = || {
        let socket = prepared(address, SockType::Datagram, prepare)?;
        let (number, data) = (socket.as_raw_fd(), ATTACK.as_bytes());
        match place(address, port) {
            SocketAddr::V4(four) => sendto(number, data, &SockaddrIn::from(four), flags)?,
            SocketAddr::V6(six) => sendto(number, data, &SockaddrIn6::from(six), flags)?,
        };
        Ok(recv(number, &mut [0; 16], MsgFlags::empty())?)
    };
    no_answer(answer())
}

/// A datagram that names its device beside its data (IP_PKTINFO, IPV6_PKTINFO).
#[must_use]
pub fn udp_by_device_number(address: IpAddr, port: u16) -> Act {
    let answer = || {
        let socket = prepared(address, SockType::Datagram, |_, _| Ok(()))?;
        let (number, flags) = (socket.as_raw_fd(), MsgFlags::empty());
        let data = [IoSlice::new(ATTACK.as_bytes())];
        match place(address, port) {
            SocketAddr::V4(four) => {
                let none = libc::in_addr { s_addr: 0 };
                let information = libc::in_pktinfo {
                    ipi_ifindex: i32::try_from(device_number()).map_err(io::Error::other)?,
                    ipi_spec_dst: none,
                    ipi_addr: none,
                };
                let control = [ControlMessage::Ipv4PacketInfo(&information)];
                sendmsg(
                    number,
                    &data,
                    &control,
                    flags,
                    Some(&SockaddrIn::from(four)),
                )?
            }
            SocketAddr::V6(six) => {
                let information = libc::in6_pktinfo {
                    ipi6_addr: libc::in6_addr { s6_addr: [0; 16] },
                    ipi6_ifindex: device_number(),
                };
                let control = [ControlMessage::Ipv6PacketInfo(&information)];
                sendmsg(
                    number,
                    &data,
                    &control,
                    flags,
                    Some(&SockaddrIn6::from(six)),
                )?
            }
        };
        Ok(recv(number, &mut [0; 16], flags)?)
    };
    no_answer(answer())
}

/// Sets an option that `nix` has no name for.
///
/// # Errors
/// As setsockopt(2).
pub fn set(socket: &OwnedFd, level: i32, option: i32, value: &[u8]) -> io::Result<()> {
    let length = libc::socklen_t::try_from(value.len()).map_err(io::Error::other)?;
    let (socket, value) = (socket.as_raw_fd(), value.as_ptr().cast());
    // SAFETY: the kernel reads `length` bytes of `value`, which has as many.
    let done = unsafe { libc::setsockopt(socket, level, option, value, length) };
    Errno::result(done)?;
    Ok(())
}
