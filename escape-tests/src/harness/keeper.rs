//! Owns the keeper: a process of root's, one for each run of the tests, that plants sockets and files where hosts have them,
//! as far as those places are free, and answers at them.
//!
//! It ends with its standard input, so also when the tests are killed, and takes away all that it planted. What it could not, as it
//! was killed itself, the next one takes away by a record. Nothing that is there is touched. Two runs at a time do not meet: the
//! second one plants nothing.

use std::fs::{self, Metadata, OpenOptions, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::{Deserialize, Serialize};

use super::places::{self, FILES, Placed, SOCKETS};
use crate::BOXER;

/// What the keeper answers, and what its files hold.
const ANSWER: &str = "claudebox-bait\n";

/// Who holds this abstract name plants.
const LOCK: &str = "claudebox-tests-keeper";

/// How long the keeper of an earlier run may take to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is planted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Kept {
    /// Sockets.
    pub sockets: Vec<Placed>,
    /// Files.
    pub files: Vec<Placed>,
}

/// The keeper of this run.
#[derive(Debug)]
struct Keeper {
    kept: &'static Kept,
    process: Child,
    /// It ends when this does: with the process of the tests, if not before.
    leash: ChildStdin,
}

static KEEPER: Mutex<Option<Keeper>> = Mutex::new(None);

/// Where the keeper notes what it planted.
const RECORD: &str = "/run/claudebox-tests-keeper.json";

/// What the keeper heard, a line each.
static HEARD: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What is planted for all trials of this run, by root alone; `program` can be the keeper.
///
/// # Errors
/// Where the keeper cannot be started.
pub fn kept(program: &Path) -> io::Result<&'static Kept> {
    let mut running = KEEPER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(keeper) = running.as_ref() {
        return Ok(keeper.kept);
    }
    let mut process = Command::new(program)
        .arg("--keeper")
        // Whoever interrupts the tests interrupts them alone.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let leash = process.stdin.take().expect("it is piped");
    let mut said = BufReader::new(process.stdout.take().expect("it is piped"));
    let mut hello = String::new();
    said.read_line(&mut hello)?;
    let kept = serde_json::from_str(&hello)
        .map_err(|error| io::Error::other(format!("the keeper said {hello:?}: {error}")))?;
    std::thread::spawn(move || {
        for line in said.lines().map_while(Result::ok) {
            let mut heard = HEARD.lock().unwrap_or_else(PoisonError::into_inner);
            heard.push(line);
        }
    });
    let kept = &*Box::leak(Box::new(kept));
    *running = Some(Keeper {
        kept,
        process,
        leash,
    });
    Ok(kept)
}

/// Ends the keeper, if there is one, and waits until it has taken everything away.
pub fn end() {
    let running = KEEPER.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(Keeper {
        mut process, leash, ..
    }) = running
    {
        drop(leash);
        let _ = process.wait();
    }
}

/// A line that the keeper heard and that has `word` in it, if any.
#[must_use]
pub fn heard(word: &str) -> Option<String> {
    let heard = HEARD.lock().unwrap_or_else(PoisonError::into_inner);
    heard.iter().find(|line| line.contains(word)).cloned()
}

/// What was planted, and is taken away with this value.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Planted {
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Planted {
    /// Makes the folders above a place that is free. `false` where it is taken, or where the ordinary user could not reach it: a
    /// bait that nobody reaches proves nothing.
    fn make_room(&mut self, path: &Path) -> io::Result<bool> {
        if fs::symlink_metadata(path).is_ok() {
            return Ok(false);
        }
        let above: Vec<&Path> = path.ancestors().skip(1).collect();
        let closed = |folder: &&Path| fs::metadata(folder).is_ok_and(|there| !lets_in(&there));
        if above.iter().any(closed) {
            return Ok(false);
        }
        for folder in above.into_iter().rev() {
            match fs::metadata(folder) {
                Ok(metadata) if metadata.is_dir() => continue,
                Ok(_) => return Ok(false),
                Err(_) => fs::create_dir(folder)?,
            }
            self.folders.push(folder.to_owned());
            // Whatever the umask is.
            let mode = if folder.starts_with("/tmp") {
                0o1777
            } else {
                0o755
            };
            fs::set_permissions(folder, Permissions::from_mode(mode))?;
        }
        Ok(true)
    }

    fn file(&mut self, place: &Placed) -> io::Result<bool> {
        if !self.make_room(&place.path)? {
            return Ok(false);
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&place.path)?;
        self.files.push(place.path.clone());
        file.write_all(ANSWER.as_bytes())?;
        file.set_permissions(Permissions::from_mode(0o644))?;
        // As the folders of a user's profiles are the user's: only what was made here.
        if let Some(folder) = place.path.parent()
            && place.row == "NIX-13"
            && self.folders.iter().any(|made| made == folder)
        {
            chown(folder, Some(BOXER), Some(BOXER))?;
        }
        Ok(true)
    }

    fn socket(&mut self, place: &Placed) -> io::Result<Option<OwnedFd>> {
        if !self.make_room(&place.path)? {
            return Ok(None);
        }
        let socket: OwnedFd = if place.datagrams {
            UnixDatagram::bind(&place.path)?.into()
        } else {
            UnixListener::bind(&place.path)?.into()
        };
        self.files.push(place.path.clone());
        fs::set_permissions(&place.path, Permissions::from_mode(0o666))?;
        Ok(Some(socket))
    }
}

/// Whether the ordinary user of the tests may go through a folder (path_resolution(7)). Lists of access (acl(5)) are not asked.
fn lets_in(folder: &Metadata) -> bool {
    let search = if folder.uid() == BOXER {
        0o100
    } else if folder.gid() == BOXER {
        0o010
    } else {
        0o001
    };
    folder.mode() & search != 0
}

impl Drop for Planted {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
        // The lower ones first. Where somebody put something of their own into one, it stays.
        for folder in self.folders.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
        if !self.files.is_empty() {
            let _ = fs::remove_file(RECORD);
        }
    }
}

/// Runs until standard input ends. The first line of standard output tells what is planted, each later one what was heard.
///
/// # Errors
/// Where it cannot listen.
pub fn run() -> io::Result<()> {
    let lock = SocketAddr::from_abstract_name(LOCK)?;
    let end = Instant::now() + PATIENCE;
    let lock = loop {
        match UnixDatagram::bind_addr(&lock) {
            Ok(lock) => break Some(lock),
            Err(_) if Instant::now() > end => break None,
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    if lock.is_some() {
        // Of a keeper that was killed.
        let left = fs::read(RECORD).ok();
        drop(left.and_then(|left| serde_json::from_slice::<Planted>(&left).ok()));
    }
    let mut planted = Planted::default();
    let mut kept = Kept::default();
    let mut listeners = Vec::new();
    let uids: &[u32] = if lock.is_some() { &[BOXER, 0] } else { &[] };
    for uid in uids {
        for place in places::on_host(SOCKETS, *uid) {
            // A file system that takes no socket or folder is as good as a place that is taken.
            if let Ok(Some(socket)) = planted.socket(&place) {
                listeners.push((socket, place.datagrams));
                kept.sockets.push(place);
            }
        }
        for place in places::on_host(FILES, *uid) {
            if let Ok(true) = planted.file(&place) {
                kept.files.push(place);
            }
        }
    }
    if lock.is_some() {
        fs::write(RECORD, serde_json::to_vec(&planted)?)?;
    }
    let mut stdout = io::stdout();
    writeln!(stdout, "{}", serde_json::to_string(&kept)?)?;
    let stdin = io::stdin();
    loop {
        let mut ready = vec![PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        let sockets = listeners.iter();
        ready.extend(sockets.map(|(socket, _)| PollFd::new(socket.as_fd(), PollFlags::POLLIN)));
        poll(&mut ready, PollTimeout::NONE)?;
        let ready: Vec<bool> = ready.iter().map(|one| one.any().unwrap_or(true)).collect();
        if ready[0] {
            return Ok(());
        }
        for ((socket, datagrams), _) in listeners
            .iter()
            .zip(&ready[1..])
            .filter(|(_, ready)| **ready)
        {
            // Whoever goes away in the middle is none of our trouble; that the tests are gone, the next turn tells.
            let word = hear(socket, *datagrams).unwrap_or_default();
            let _ = writeln!(stdout, "{word:?}");
        }
    }
}

/// One word, and the answer to it.
fn hear(socket: &OwnedFd, datagrams: bool) -> io::Result<String> {
    let mut word = [0; 32];
    let length = if datagrams {
        UnixDatagram::from(socket.try_clone()?).recv(&mut word)?
    } else {
        let mut stream: UnixStream = UnixListener::from(socket.try_clone()?).accept()?.0;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        let length = stream.read(&mut word)?;
        stream.write_all(ANSWER.as_bytes())?;
        length
    };
    Ok(String::from_utf8_lossy(&word[..length]).into_owned())
}
