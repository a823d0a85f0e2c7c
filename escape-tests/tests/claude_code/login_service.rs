//! Owns a stand-in of the service that gives tokens (RFC 6749, section 6), as Claude Code 2.1.197 asks it: `POST /v1/oauth/token` at
//! `platform.claude.com`, in JSON, over TLS. The client takes no other place for it (`CLAUDE_CODE_CUSTOM_OAUTH_URL` has a list of
//! three). Here it is a proxy on loopback, which the client is told of by `HTTPS_PROXY`: it asks there for the service by its name, and
//! finds a certificate of an authority that it trusts by `NODE_EXTRA_CA_CERTS`. Whoever else it asks for is written down and refused.
//!
//! A refresh token is good for one use. Who comes with one that was used is refused (`invalid_grant`) and counted. An access token is
//! good until it ends or is taken back; [`LoginService::admits`] is the Messages API's part.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use escape_tests::messages_api::{Call, OK, send};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

/// Where the client asks for tokens, and where for whose they are.
const TOKENS: &str = "platform.claude.com";
const PROFILE: &str = "api.anthropic.com";

/// How long a new login lasts.
pub(crate) const LASTS: Duration = Duration::from_secs(8 * 3600);

/// How long the service takes: whoever asks meanwhile asks at once.
const TAKES: Duration = Duration::from_millis(200);

/// No request takes longer to arrive.
const PATIENCE: Duration = Duration::from_secs(20);

/// The running stand-in; dropping it stops it.
#[derive(Debug)]
pub(crate) struct LoginService {
    address: SocketAddr,
    certificate: String,
    given: Arc<Mutex<Given>>,
    stopping: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

/// What was given, and to whom.
#[derive(Debug, Default)]
struct Given {
    logins: usize,
    /// When each access token ends.
    access: BTreeMap<String, Instant>,
    /// The refresh tokens that nobody has used.
    unused: BTreeSet<String>,
    refreshes: usize,
    refused: usize,
    elsewhere: Vec<String>,
}

impl Given {
    /// A new login that lasts so long.
    fn login(&mut self, lasts: Duration) -> (String, String) {
        self.logins += 1;
        let number = self.logins;
        let (access, refresh) = (
            format!("sk-ant-oat01-given-{number}"),
            format!("sk-ant-ort01-given-{number}"),
        );
        self.access.insert(access.clone(), Instant::now() + lasts);
        self.unused.insert(refresh.clone());
        (access, refresh)
    }

    /// The answer to a request for a new token.
    fn answer(&mut self, asked: &Value) -> Result<Value, Value> {
        let refused = |why: &str| json!({ "error": why, "error_description": "Refresh token not found or invalid" });
        if asked["grant_type"] != "refresh_token" {
            return Err(refused("unsupported_grant_type"));
        }
        if !self
            .unused
            .remove(asked["refresh_token"].as_str().unwrap_or_default())
        {
            self.refused += 1;
            return Err(refused("invalid_grant"));
        }
        self.refreshes += 1;
        let (access, refresh) = self.login(LASTS);
        Ok(json!({
            "token_type": "Bearer", "access_token": access, "refresh_token": refresh,
            "expires_in": LASTS.as_secs(), "scope": asked["scope"],
        }))
    }
}

impl LoginService {
    pub(crate) fn start() -> Self {
        let (certificate, tls) = tls().expect("making a certificate");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listening on 127.0.0.1");
        let address = listener.local_addr().expect("it is bound");
        let given = Arc::new(Mutex::new(Given::default()));
        let stopping = Arc::new(AtomicBool::new(false));
        let acceptor = {
            let (given, stopping) = (Arc::clone(&given), Arc::clone(&stopping));
            thread::spawn(move || {
                for stream in listener.incoming() {
                    if stopping.load(Ordering::SeqCst) {
                        return;
                    }
                    let Ok(stream) = stream else { continue };
                    let (given, tls) = (Arc::clone(&given), Arc::clone(&tls));
                    thread::spawn(move || drop(serve(stream, tls, &given)));
                }
            })
        };
        Self {
            address,
            certificate,
            given,
            stopping,
            acceptor: Some(acceptor),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// What belongs into `HTTPS_PROXY`.
    pub(crate) fn proxy(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The certificate of its authority.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A login as the client keeps it, which ends in so many seconds, or has ended.
    pub(crate) fn login(&self, ends_in: i64) -> String {
        let lasts = Duration::from_secs(u64::try_from(ends_in).unwrap_or(0));
        let (access, refresh) = held(&self.given).login(lasts);
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = since.map_or(0, |since| since.as_secs());
        let ends = now.saturating_add_signed(ends_in) * 1000;
        json!({ "claudeAiOauth": {
            "accessToken": access, "refreshToken": refresh, "expiresAt": ends,
            "scopes": ["user:inference", "user:profile"], "subscriptionType": "max",
        }})
        .to_string()
    }

    /// Takes every access token back that was given so far, as when its user logs out elsewhere.
    pub(crate) fn take_back(&self) {
        held(&self.given).access.clear();
    }

    /// Whether a request comes with an access token that is good.
    pub(crate) fn admits(&self) -> impl Fn(&Call) -> bool + Send + Sync + use<> {
        let given = Arc::clone(&self.given);
        move |call| {
            let token = call.header("authorization").unwrap_or_default();
            let token = token.strip_prefix("Bearer ").unwrap_or_default();
            is_good(&held(&given), token)
        }
    }

    /// Whether a file of the client's holds a login that goes on: both tokens are good.
    pub(crate) fn takes(&self, file: &[u8]) -> bool {
        let file: Value = serde_json::from_slice(file).unwrap_or_default();
        let login = &file["claudeAiOauth"];
        let token = |name: &str| login[name].as_str().unwrap_or_default().to_owned();
        let given = held(&self.given);
        is_good(&given, &token("accessToken")) && given.unused.contains(&token("refreshToken"))
    }

    /// How many refreshes were granted, and how many refused because the token had been used.
    pub(crate) fn refreshes(&self) -> (usize, usize) {
        let given = held(&self.given);
        (given.refreshes, given.refused)
    }

    /// Whom else the client asked for.
    pub(crate) fn elsewhere(&self) -> Vec<String> {
        held(&self.given).elsewhere.clone()
    }
}

impl Drop for LoginService {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
        }
    }
}

fn held(given: &Mutex<Given>) -> MutexGuard<'_, Given> {
    given.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_good(given: &Given, access: &str) -> bool {
    let ends = given.access.get(access);
    ends.is_some_and(|ends| Instant::now() < *ends)
}

/// An authority of the test's own, and what serves with its certificate.
fn tls() -> Result<(String, Arc<ServerConfig>), Box<dyn std::error::Error>> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let name = "the authority of a test";
    authority.distinguished_name.push(DnType::CommonName, name);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let names = [TOKENS, PROFILE].map(str::to_owned);
    let certificate = CertificateParams::new(names)?.signed_by(&key, &authority)?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    Ok((authority.pem(), Arc::new(config)))
}

/// One tunnel (RFC 9110, section 9.3.6), and in it one request.
fn serve(mut stream: TcpStream, tls: Arc<ServerConfig>, given: &Mutex<Given>) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let wanted = wanted(&mut stream)?;
    if ![TOKENS, PROFILE]
        .iter()
        .any(|name| wanted == format!("{name}:443"))
    {
        held(given).elsewhere.push(wanted);
        return stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
    }
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let connection = ServerConnection::new(tls).map_err(io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    let Some(call) = Call::read(&mut stream)? else {
        return Ok(());
    };
    let stream = stream.get_mut();
    match (call.method.as_str(), call.path()) {
        ("POST", "/v1/oauth/token") => {
            let answer = held(given).answer(&call.body);
            thread::sleep(TAKES);
            match answer {
                Ok(answer) => send(stream, OK, &answer)?,
                Err(refusal) => send(stream, "400 Bad Request", &refusal)?,
            }
        }
        ("GET", "/api/oauth/profile") => send(stream, OK, &profile())?,
        _ => send(stream, "404 Not Found", &json!({}))?,
    }
    stream.conn.send_close_notify();
    stream.flush()
}

/// Whom a proxy is asked for. Byte by byte: what follows the empty line belongs to the tunnel.
fn wanted(stream: &mut TcpStream) -> io::Result<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && head.len() < 8192 {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut words = head.split_whitespace();
    match (words.next(), words.next()) {
        (Some("CONNECT"), Some(whom)) => Ok(whom.to_owned()),
        _ => Ok(head.lines().next().unwrap_or_default().to_owned()),
    }
}

/// Whose a token is.
fn profile() -> Value {
    json!({
        "account": { "uuid": "00000000-0000-4000-8000-000000000001", "email": "boxer@example.com" },
        "organization": {
            "uuid": "00000000-0000-4000-8000-000000000002",
            "organization_type": "claude_max", "rate_limit_tier": "default_claude_max_5x",
        },
    })
}
