//! Owns answering: `answerer PORT…` answers at each port, by TCP and UDP, at every address of IPv4. It says a line once it does, and
//! never ends by itself. It is what runs inside where somebody outside knocks.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::thread;
use std::time::Duration;

use escape_tests::network_lab::watch::ANSWER;

fn main() -> Result<(), Box<dyn Error>> {
    for word in std::env::args().skip(1) {
        let place = (Ipv4Addr::UNSPECIFIED, word.parse()?);
        let listener = TcpListener::bind(place)?;
        let socket = UdpSocket::bind(place)?;
        thread::spawn(move || {
            for stream in listener.incoming() {
                // Who closes with something unread resets the connection, and the answer may be lost.
                let answered = stream.and_then(|mut stream| {
                    let _ = stream.read(&mut [0; 512])?;
                    stream.write_all(ANSWER)
                });
                let _ = answered;
            }
        });
        thread::spawn(move || {
            while let Ok((_, from)) = socket.recv_from(&mut [0; 512]) {
                let _ = socket.send_to(ANSWER, from);
            }
        });
    }
    writeln!(io::stdout(), "ready")?;
    io::stdout().flush()?;
    thread::sleep(Duration::from_secs(60));
    Ok(())
}
