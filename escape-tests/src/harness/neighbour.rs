//! Owns the neighbour: a process of the caller's own user, outside, that an attack would like to reach.
//!
//! It listens on sockets of each kind, holds shared memory, and waits for SIGURG, which does nothing to any process that
//! does not wait for it. Everything it hears goes into a file, a line each. It ends with its standard input.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::Duration;

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use serde::{Deserialize, Serialize};

use super::bait::{DATAGRAMS, KEY, Neighbour, PACKETS};

/// What the neighbour is told.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    /// What every answer holds.
    pub mark: String,
    /// Where to listen.
    pub sockets: Vec<PathBuf>,
    /// Where to write down what is heard.
    pub heard: PathBuf,
    /// Whether to put the mark into the user keyring, which is every process's of the user.
    pub user_keyring: bool,
}

/// Runs until standard input ends. The order is its first line; the first line of standard output is how it is reached.
///
/// # Errors
/// Where it cannot listen.
pub fn run() -> io::Result<()> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGURG);
    signals.thread_block()?;
    let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let order: Order = serde_json::from_str(&line)?;
    let mut heard = OpenOptions::new()
        .append(true)
        .create(true)
        .open(&order.heard)?;
    let mut sockets = Vec::new();
    for path in &order.sockets {
        sockets.push(UnixListener::bind(path)?);
    }
    // As a display listens. Its PID would not do: in a sandbox it is the same each time, and names may be shared.
    let abstract_name = format!("/tmp/.X11-unix/X{}", super::lab::random()?);
    let address = SocketAddr::from_abstract_name(&abstract_name)?;
    let abstract_socket = UnixListener::bind_addr(&address)?;
    let datagrams = SocketAddr::from_abstract_name(format!("{abstract_name}{DATAGRAMS}"))?;
    let datagrams = UnixDatagram::bind_addr(&datagrams)?;
    let packets = packets(&format!("{abstract_name}{PACKETS}"))?;
    let tcp = TcpListener::bind("127.0.0.1:0")?;
    let udp = UdpSocket::bind("127.0.0.1:0")?;
    let hello = Neighbour {
        pid: i32::try_from(std::process::id()).map_err(io::Error::other)?,
        port: tcp.local_addr()?.port(),
        udp_port: udp.local_addr()?.port(),
        abstract_name,
        shared_memory: shared_memory(&order.mark)?,
        user_keyring: if order.user_keyring {
            user_keyring(&order.mark)?
        } else {
            0
        },
    };
    writeln!(io::stdout(), "{}", serde_json::to_string(&hello)?)?;
    loop {
        let stdin = io::stdin();
        let mut ready = vec![
            PollFd::new(stdin.as_fd(), PollFlags::POLLIN),
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(tcp.as_fd(), PollFlags::POLLIN),
            PollFd::new(udp.as_fd(), PollFlags::POLLIN),
            PollFd::new(datagrams.as_fd(), PollFlags::POLLIN),
            PollFd::new(packets.as_fd(), PollFlags::POLLIN),
            PollFd::new(abstract_socket.as_fd(), PollFlags::POLLIN),
        ];
        ready.extend(
            sockets
                .iter()
                .map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)),
        );
        poll(&mut ready, PollTimeout::NONE)?;
        let ready: Vec<bool> = ready.iter().map(|one| one.any().unwrap_or(true)).collect();
        if ready[0] {
            return Ok(());
        }
        while ready[1]
            && let Ok(Some(_)) = signals.read_signal()
        {
            writeln!(heard, "signal")?;
        }
        if ready[2] {
            let (stream, _) = tcp.accept()?;
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            answer(stream, "TCP port", &order.mark, &mut heard)?;
        }
        if ready[3] {
            let mut word = [0; 16];
            let (length, from) = udp.recv_from(&mut word)?;
            let word = String::from_utf8_lossy(&word[..length]);
            writeln!(heard, "UDP port {word}")?;
            let _ = udp.send_to(order.mark.as_bytes(), from);
        }
        if ready[4] {
            let mut word = [0; 16];
            let length = datagrams.recv(&mut word)?;
            let word = String::from_utf8_lossy(&word[..length]);
            writeln!(heard, "datagrams {word}")?;
        }
        if ready[5] {
            // Of a connection, std's type for streams reads and writes packets as well.
            let accepted = nix::sys::socket::accept(packets.as_raw_fd())?;
            // SAFETY: it was just made, and nobody else knows of it.
            let stream = UnixStream::from(unsafe { OwnedFd::from_raw_fd(accepted) });
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            answer(stream, "packets", &order.mark, &mut heard)?;
        }
        let listeners = std::iter::once((&abstract_socket, "abstract socket"));
        let listeners = listeners.chain(sockets.iter().map(|socket| (socket, "socket")));
        for ((listener, what), ready) in listeners.zip(&ready[6..]) {
            if *ready {
                let (stream, _) = listener.accept()?;
                stream.set_read_timeout(Some(Duration::from_secs(2)))?;
                answer(stream, what, &order.mark, &mut heard)?;
            }
        }
    }
}

/// A listener for packets at an abstract name.
fn packets(name: &str) -> io::Result<OwnedFd> {
    use nix::sys::socket::{Backlog, UnixAddr, bind, listen};
    let socket = packet_socket()?;
    bind(
        socket.as_raw_fd(),
        &UnixAddr::new_abstract(name.as_bytes())?,
    )?;
    listen(&socket, Backlog::MAXCONN)?;
    Ok(socket)
}

/// A socket for packets.
///
/// # Errors
/// As socket(2).
pub fn packet_socket() -> nix::Result<OwnedFd> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
    let flags = SockFlag::SOCK_CLOEXEC;
    socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)
}

/// Hears one word and answers with the mark. Whoever connects and says nothing is written down too.
fn answer(
    mut stream: impl Read + Write,
    what: &str,
    mark: &str,
    heard: &mut File,
) -> io::Result<()> {
    let mut word = [0; 16];
    let length = stream.read(&mut word).unwrap_or(0);
    writeln!(heard, "{what} {}", String::from_utf8_lossy(&word[..length]))?;
    // A caller that has gone away already is none of our trouble.
    let _ = stream.write_all(mark.as_bytes());
    Ok(())
}

/// Puts the mark into the user keyring for a minute, and tells the serial number of that.
fn user_keyring(mark: &str) -> io::Result<i32> {
    use keyutils::keytypes::User;
    use keyutils::{Keyring, SpecialKeyring};
    let failed = |error: keyutils::Error| io::Error::from_raw_os_error(error.0);
    let mut keyring = match Keyring::attach_or_create(SpecialKeyring::User) {
        Ok(keyring) => keyring,
        Err(error) if error.0 == libc::ENOSYS => return Ok(0),
        Err(error) => return Err(failed(error)),
    };
    let mut key = keyring
        .add_key::<User, _, _>(KEY, mark.as_bytes())
        .map_err(failed)?;
    key.set_timeout(Duration::from_secs(60)).map_err(failed)?;
    // SAFETY: no pointer is passed. KEYCTL_GET_KEYRING_ID (0) of KEY_SPEC_USER_KEYRING (-4).
    let serial = unsafe { libc::syscall(libc::SYS_keyctl, 0, -4, 0, 0, 0) };
    i32::try_from(serial)
        .ok()
        .filter(|serial| *serial > 0)
        .ok_or_else(io::Error::last_os_error)
}

/// A segment that holds the mark. It is marked for removal at once: it lives as long as this process, and shmat(2) by its
/// identifier works until then.
fn shared_memory(mark: &str) -> io::Result<i32> {
    // SAFETY: no pointer is passed.
    let id = unsafe { libc::shmget(libc::IPC_PRIVATE, 4096, 0o600 | libc::IPC_CREAT) };
    if id < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a null address lets the kernel choose one.
    let at = unsafe { libc::shmat(id, std::ptr::null(), 0) };
    if at.addr() == usize::MAX {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the segment has 4096 bytes, the mark fewer, and nobody else knows the segment yet.
    unsafe { std::ptr::copy_nonoverlapping(mark.as_ptr(), at.cast(), mark.len()) };
    // SAFETY: IPC_RMID takes no buffer.
    if unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(id)
}
