//! Owns knocking: `knocker PORT ROUNDS ADDRESS…` connects to each address from its first instruction on, sends
//! it a datagram, and says a line for each
//! round: `reached` or the name of the error of the connection for each address. 0 rounds are rounds without end. It is what runs inside where a
//! session is about the network alone.

use std::error::Error;
use std::io::{self, Write};
use std::net::IpAddr;
use std::time::Duration;

use escape_tests::harness::packets::{tcp, udp};
use escape_tests::probe::{Act, Errno};

/// Between two rounds.
const PAUSE: Duration = Duration::from_millis(20);

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let port: u16 = words.next().ok_or("no port")?.parse()?;
    let rounds: usize = words.next().ok_or("no number of rounds")?.parse()?;
    let addresses = words
        .map(|word| word.parse())
        .collect::<Result<Vec<IpAddr>, _>>()?;
    let mut stdout = io::stdout();
    for round in 1.. {
        let acts = addresses.iter().map(|address| {
            let (stream, datagram) = (tcp(*address, port), udp(*address, port));
            match stream {
                Act::Reached if datagram != Act::Reached => {
                    format!("udp-{datagram}").replace(' ', "-")
                }
                Act::Reached => "reached".to_owned(),
                Act::Refused(number) => format!("{:?}", Errno::from_raw(number)),
                other => other.to_string().replace(' ', "-"),
            }
        });
        writeln!(stdout, "{}", acts.collect::<Vec<_>>().join(" "))?;
        stdout.flush()?;
        if round == rounds {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}
