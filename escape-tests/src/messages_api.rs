//! A stand-in of Anthropic's Messages API on loopback, for whole turns of the real Claude Code without the internet.
//!
//! It is as much of the protocol as Claude Code needs for a turn: `HEAD /`, token counting, and messages, streamed as
//! server-sent events or in one piece. It is no model: a prompt that holds `RUN: <command>` is answered with a call of
//! the Bash tool, what that tool returned with `TOOL SAID: <its output>`, all else with [`PONG`].
//!
//! What arrived is recorded before it is answered, so a test can assert on what the agent said, and on silence.

mod answer;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};

use self::answer::Answer;

/// The answer to a prompt that asks for nothing.
pub const PONG: &str = "pong from the stand-in";

/// Stands in a prompt before the command that the agent shall run with its Bash tool.
pub const RUN: &str = "RUN:";

/// Stands in the answer before what the tool returned.
pub const TOOL_SAID: &str = "TOOL SAID: ";

/// No request of the agent takes longer to arrive; a client that hangs must not hang the test.
const PATIENCE: Duration = Duration::from_secs(20);

/// The largest body that is read. A turn with all of Claude Code's tools is about 200 KiB.
const LARGEST_BODY: usize = 32 << 20;

/// The running stand-in; dropping it stops it.
#[derive(Debug)]
pub struct MessagesApi {
    address: SocketAddr,
    record: Arc<Mutex<Record>>,
    stopping: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

/// Who is answered.
type Admits = dyn Fn(&Call) -> bool + Send + Sync;

/// What arrived.
#[derive(Debug, Default)]
struct Record {
    connections: usize,
    calls: Vec<Call>,
}

/// One HTTP request as it arrived.
#[derive(Debug, Clone)]
pub struct Call {
    /// `GET`, `HEAD` or `POST`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Header lines, names in lower case, in their order.
    pub headers: Vec<(String, String)>,
    /// The body, `Null` where it is not JSON.
    pub body: Value,
}

impl MessagesApi {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Panics
    ///
    /// When the loopback interface cannot be listened on: no test can go on then.
    #[must_use]
    pub fn start() -> Self {
        Self::start_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listening on 127.0.0.1"))
    }

    /// Serves whoever comes to this listener. Where that is in another network namespace, it ends in that.
    ///
    /// # Panics
    ///
    /// When it has no address.
    #[must_use]
    pub fn start_on(listener: TcpListener) -> Self {
        Self::serving(listener, Arc::new(|_: &Call| true))
    }

    /// The same on a free port of 127.0.0.1, where a request for a message that `admits` does not let pass is answered with 401.
    ///
    /// # Panics
    ///
    /// As [`MessagesApi::start`].
    #[must_use]
    pub fn start_for(admits: impl Fn(&Call) -> bool + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        Self::serving(listener.expect("listening on 127.0.0.1"), Arc::new(admits))
    }

    fn serving(listener: TcpListener, admits: Arc<Admits>) -> Self {
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let record = Arc::new(Mutex::new(Record::default()));
        let stopping = Arc::new(AtomicBool::new(false));
        let acceptor = {
            let (record, stopping) = (Arc::clone(&record), Arc::clone(&stopping));
            thread::spawn(move || accept(&listener, &record, &stopping, &admits))
        };
        Self {
            address,
            record,
            stopping,
            acceptor: Some(acceptor),
        }
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What belongs into `ANTHROPIC_BASE_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that arrived so far, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.record
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .calls
            .clone()
    }

    /// The bodies of the requests for a message, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Value> {
        let calls = self.calls().into_iter();
        calls
            .filter(Call::asks_for_a_message)
            .map(|call| call.body)
            .collect()
    }

    /// How many connections were opened, whether or not a request came over them.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.record
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .connections
    }
}

impl Drop for MessagesApi {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Wakes the acceptor; it reads the flag before it serves anyone.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
        }
    }
}

impl Call {
    /// The value of a header; `name` in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    fn asks_for_a_message(&self) -> bool {
        self.method == "POST" && self.path() == "/v1/messages"
    }

    /// The target without its query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Reads one request. `None` for a connection that was closed without one.
    ///
    /// # Errors
    /// As the standard library's, and for what is no request.
    pub fn read(stream: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split_whitespace().map(str::to_owned);
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Err(io::Error::other(format!("not a request line: {line:?}")));
        };
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            match line.trim_end().split_once(':') {
                Some((name, value)) => {
                    headers.push((name.to_ascii_lowercase(), value.trim().to_owned()))
                }
                None => break,
            }
        }
        let mut call = Self {
            method,
            target,
            headers,
            body: Value::Null,
        };
        let length = call
            .header("content-length")
            .map_or(Ok(0), str::parse)
            .map_err(io::Error::other)?;
        if length > LARGEST_BODY {
            return Err(io::Error::other(format!("a body of {length} bytes")));
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        call.body = serde_json::from_slice(&body).unwrap_or_default();
        Ok(Some(call))
    }
}

fn accept(
    listener: &TcpListener,
    record: &Arc<Mutex<Record>>,
    stopping: &AtomicBool,
    admits: &Arc<Admits>,
) {
    for stream in listener.incoming() {
        if stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        record
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .connections += 1;
        let (record, admits) = (Arc::clone(record), Arc::clone(admits));
        // A client that goes away in the middle is the agent's business: what it did shows in the record.
        thread::spawn(move || drop(serve(&stream, &record, &*admits)));
    }
}

/// One request a connection: nothing here is so frequent that keeping them open would pay.
fn serve(stream: &TcpStream, record: &Mutex<Record>, admits: &Admits) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let Some(call) = Call::read(&mut BufReader::new(stream.take(u64::MAX)))? else {
        return Ok(());
    };
    let turn = {
        let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
        record.calls.push(call.clone());
        record.calls.len()
    };
    let mut stream = stream;
    if call.method == "HEAD" {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
    } else if call.asks_for_a_message() && !admits(&call) {
        let error =
            json!({ "type": "authentication_error", "message": "OAuth token has expired." });
        send(
            &mut stream,
            "401 Unauthorized",
            &json!({ "type": "error", "error": error }),
        )?;
    } else if call.asks_for_a_message() {
        let answer = Answer::to(&call.body, turn);
        if call.body["stream"] == true {
            answer.stream(&mut stream)?
        } else {
            send(&mut stream, OK, &answer.message())?
        }
    } else if call.path().ends_with("/count_tokens") {
        send(&mut stream, OK, &json!({ "input_tokens": 10 }))?;
    } else {
        send(&mut stream, OK, &json!({ "data": [] }))?;
    }
    stream.shutdown(Shutdown::Write)
}

/// How a request is answered that is well.
pub const OK: &str = "200 OK";

/// One answer in JSON, the last one of its connection.
///
/// # Errors
/// As the standard library's.
pub fn send(stream: &mut impl Write, status: &str, body: &Value) -> io::Result<()> {
    let body = body.to_string();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::answer::Wish;
    use super::*;

    /// A client of the test's own: what it gets back is not parsed by the code under test.
    fn post(api: &MessagesApi, body: &Value) -> String {
        let body = body.to_string();
        let mut stream = TcpStream::connect(api.address).expect("the stand-in listens");
        let head = "POST /v1/messages?beta=true HTTP/1.1\r\nx-api-key: k";
        write!(
            stream,
            "{head}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("it reads");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .expect("it answers in text");
        answer
    }

    #[test]
    fn a_turn_with_a_tool_call() {
        let api = MessagesApi::start();
        let prompt = json!({ "role": "user", "content": [{ "type": "text", "text": "please RUN: id -u\nthanks" }] });
        let reminder = json!({ "role": "user", "content": "a reminder" });
        let tools = json!([{ "name": "Bash" }]);
        let asked = post(
            &api,
            &json!({ "stream": true, "tools": tools, "messages": [prompt, reminder] }),
        );
        assert!(
            asked.contains(r#""name":"Bash""#) && asked.contains(r#"{\"command\":\"id -u\""#),
            "{asked}"
        );

        let result =
            json!({ "type": "tool_result", "content": [{ "type": "text", "text": "6001" }] });
        let result = json!({ "role": "user", "content": [result] });
        let said = post(
            &api,
            &json!({ "stream": false, "tools": tools, "messages": [prompt, reminder, result] }),
        );
        assert!(
            said.contains("TOOL SAID: 6001") && said.contains("end_turn"),
            "{said}"
        );

        assert_eq!(api.requests().len(), 2);
        assert_eq!(api.calls()[0].header("x-api-key"), Some("k"));
        assert_eq!(api.requests()[0]["messages"][0], prompt);
    }

    #[test]
    fn who_is_not_admitted_gets_no_message() {
        let api = MessagesApi::start_for(|call| call.header("x-api-key") == Some("another"));
        let answer = post(
            &api,
            &json!({ "messages": [{ "role": "user", "content": "hello" }] }),
        );
        assert!(
            answer.starts_with("HTTP/1.1 401 ") && !answer.contains(PONG),
            "{answer}"
        );
        assert_eq!(api.requests().len(), 1, "it is recorded all the same");
    }

    #[test]
    fn a_later_prompt_is_not_answered_with_an_earlier_result() {
        let turns = json!({ "messages": [
            { "role": "user", "content": "RUN: one" },
            { "role": "user", "content": [{ "type": "tool_result", "content": "1" }] },
            { "role": "assistant", "content": "TOOL SAID: RUN: no" },
            { "role": "user", "content": "RUN: two" },
        ] });
        assert_eq!(Wish::of(&turns), Wish::Run("two".into()));
    }

    #[test]
    fn without_the_tool_there_is_no_call_of_it() {
        let api = MessagesApi::start();
        let answer = post(
            &api,
            &json!({ "messages": [{ "role": "user", "content": "RUN: id" }] }),
        );
        assert!(answer.contains(PONG), "{answer}");
    }

    #[test]
    fn it_stops_when_dropped() {
        let api = MessagesApi::start();
        let address = api.address;
        drop(TcpStream::connect(address).expect("it listens"));
        drop(api);
        assert!(TcpStream::connect(address).is_err());
    }
}
