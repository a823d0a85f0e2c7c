//! Owns keeping the login of a session in step with the one outside, the host's own or claudebox's: both ways, while the session runs.
//! What crosses is said by [`crate::login`].
//!
//! Both sides replace the file by a rename, so the folders are watched (inotify(7)), and no file is ever mounted. Every launcher holds
//! one lock from the look to the writing: none puts back what another has just replaced. The host's own client knows nothing of it; it
//! looks once more before it writes. Whose turn it is to refresh the login is [`super::refresh`]'s.

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::fcntl::{Flock, FlockArg};
use rustix::fs::inotify;

use super::folder::{Folder, kind};
use super::refresh::{self, RefreshLock};
use super::{CLAUDE_JSON, CREDENTIALS, InstanceError, Keep, LOGIN};
use crate::login::{Crossing, Known, Login, MOST_FILE, Share, Side, account, decide};
use crate::text::Text;

/// What a launcher holds while it looks and writes.
const LOCK: &str = "login.lock";
/// How long another is waited for, while a session runs, and at its ends.
const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(5);
/// How long after a change a look is taken: whoever writes all the time makes no more work than that. How long after the start it is
/// listened to changes.
const PAUSE: Duration = Duration::from_millis(100);
/// So often in that time it is heard of changes at once: a refresh on one side is shown on the other before one begins there.
const OFTEN: u32 = 20;
/// The largest `.claude.json` that is read.
const MOST_JSON: u64 = 32 * 1024 * 1024;

/// The login of a session, while it runs.
#[derive(Debug)]
pub struct Shared {
    share: Share,
    own: Folder,
    outer: Folder,
    outer_name: &'static str,
    inner: Folder,
    /// The login that crossed last, or was there when it began.
    last: Option<Login>,
    begun: bool,
    watch: Option<OwnedFd>,
    /// Who refreshes.
    turn: RefreshLock,
    /// When [`Shared::listen`] is to be called.
    begins: Option<Instant>,
    due: Option<Instant>,
    /// How often something was heard since the last look.
    heard: u32,
    /// Whether one of the two files is what changed.
    changed: bool,
    /// What is to say, as it stands after the last look.
    stands: Option<String>,
    unwatched: Option<String>,
}

impl Shared {
    /// Brings the login in, or the newer one out that a session before left. `inner` is what the session has at `~/.claude`.
    pub(super) fn begin(
        keep: &Keep,
        share: &Share,
        inner: Folder,
        alone: bool,
    ) -> Result<Self, InstanceError> {
        let own = || {
            Folder::own(&keep.home, true)?.ok_or_else(|| InstanceError::Act {
                what: "open",
                path: keep.home.clone(),
                source: nix::errno::Errno::ENOENT.into(),
            })
        };
        let (outer, outer_name) = if share.of_host {
            let folder = share.at.path().parent().map(Text::from).unwrap_or_default();
            (Folder::of_user(&folder)?, CREDENTIALS)
        } else {
            (own()?, LOGIN)
        };
        let mut shared = Self {
            share: share.clone(),
            own: own()?,
            outer,
            outer_name,
            inner,
            last: None,
            begun: false,
            stands: None,
            unwatched: None,
            turn: RefreshLock::default(),
            begins: Some(Instant::now() + PAUSE),
            due: None,
            heard: 0,
            changed: false,
            watch: None,
        };
        if !shared.step(alone, LONG)? {
            return Err(InstanceError::Busy {
                path: shared.own.path.join(LOCK),
            });
        }
        shared.turn.begin(&shared.outer, &shared.inner, alone);
        Ok(shared)
    }

    /// Listens to both folders from now on; what happened before it counts as heard. A session that ends sooner has nothing to listen to,
    /// and to end a watch takes the kernel 10 ms and more.
    fn listen(&mut self) {
        self.begins = None;
        match watch(&self.outer, &self.inner) {
            Ok(watch) => self.watch = Some(watch),
            // The limit of the user (inotify(7), max_user_instances): then the end of the session has to do.
            Err(error) => {
                self.unwatched = Some(format!(
                    "the login was kept in step at start and end alone: inotify(7): {error}"
                ));
                self.turn.give_back(&self.outer, &self.inner, false);
                return;
            }
        }
        self.changed = true;
        self.due = Some(Instant::now());
        self.take_turns();
    }

    /// What tells of changes; for a moment not where there are too many.
    #[must_use]
    pub fn watched(&self) -> Option<BorrowedFd<'_>> {
        let watch = self.watch.as_ref().filter(|_| self.heard < OFTEN);
        watch.map(AsFd::as_fd)
    }

    /// When [`Shared::follow`] wants to be called.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let times = [self.begins, self.due, self.turn.until()];
        times.into_iter().flatten().min()
    }

    /// Something changed in one of the folders.
    pub fn heard(&mut self) {
        let Some(watch) = &self.watch else {
            return;
        };
        let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
        let mut reader = inotify::Reader::new(watch, &mut buffer);
        let mut locks = false;
        // One buffer full: whoever makes events all the time holds nobody up.
        while let Ok(event) = reader.next() {
            let name = event.file_name().map(std::ffi::CStr::to_bytes);
            let lost = event.events().contains(inotify::ReadFlags::QUEUE_OVERFLOW);
            self.changed |= lost
                || name == Some(CREDENTIALS.as_bytes())
                || name == Some(self.outer_name.as_bytes());
            locks |= lost || name == Some(refresh::LOCK.as_bytes());
            if reader.is_buffer_empty() {
                break;
            }
        }
        self.heard += 1;
        self.due.get_or_insert(Instant::now() + PAUSE);
        if locks {
            self.take_turns();
        }
    }

    /// Shows on each side who refreshes on the other, until what it got is there too.
    fn take_turns(&mut self) {
        if !self.turn.is_over(&self.outer, &self.inner) {
            return;
        }
        let before = self.last.clone();
        match self.step(false, SHORT) {
            Ok(false) => self.turn.wait(PAUSE),
            Ok(true) | Err(_) => {
                let new = self.last != before;
                self.turn.give_back(&self.outer, &self.inner, new);
            }
        }
    }

    /// Brings over what changed, once it is time.
    pub fn follow(&mut self) {
        if self.begins.is_some_and(|begins| begins <= Instant::now()) {
            self.listen();
        }
        if self
            .turn
            .until()
            .is_some_and(|until| until <= Instant::now())
        {
            self.take_turns();
        }
        if self.due.is_none_or(|due| Instant::now() < due) {
            return;
        }
        self.due = None;
        self.heard = 0;
        if !self.changed {
            return;
        }
        self.changed = false;
        match self.step(false, SHORT) {
            // What went wrong for a moment is tried once more at the end, and told then.
            Ok(true) | Err(_) => {}
            Ok(false) => {
                self.changed = true;
                self.due = Some(Instant::now() + PAUSE);
            }
        }
    }

    /// The last look, when nothing runs inside any more; what is to say of all of them.
    #[must_use]
    pub fn end(mut self) -> Vec<String> {
        match self.step(false, LONG) {
            Ok(true) => {}
            Ok(false) => self.stands = Some("another claudebox held the login too long".into()),
            Err(error) => self.stands = Some(chain(&error)),
        }
        let said = [self.unwatched.take(), self.stands.take()];
        said.into_iter().flatten().collect()
    }

    /// Looks at both sides and does what is to be done; `false` where another launcher is at it.
    fn step(&mut self, start: bool, patience: Duration) -> Result<bool, InstanceError> {
        let Some(_lock) = self.lock(patience)? else {
            return Ok(false);
        };
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = since.map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        });
        self.stands = None;
        let mut odd = false;
        let content = |read: Result<Option<Vec<u8>>, InstanceError>| {
            let there = read.as_ref().ok().and_then(Clone::clone);
            (there, read.map_err(|error| error.to_string()))
        };
        let (outer_file, outer) = content(self.outer.read_of_user(self.outer_name, MOST_FILE));
        let (inner_file, inner) = content(match self.inner.read_any(CREDENTIALS, MOST_FILE) {
            Err(error @ InstanceError::Odd { .. }) => {
                odd = true;
                Err(error)
            }
            read => read,
        });
        let (outer, inner) = (Side::of(outer, now), Side::of(inner, now));
        // Where there was none, what a session before has left is not brought out: its host may have logged out since.
        if !self.begun
            && let (Side::Absent, Side::Good(inner)) = (&outer, &inner)
        {
            self.last = Some(inner.clone());
        }
        self.begun = true;
        let both = matches!((&outer, &inner), (Side::Good(outer), Side::Good(inner)) if outer != inner)
            || matches!((&outer, &inner), (Side::Spent, Side::Good(_)));
        let known = Known {
            start,
            of_host: self.share.of_host,
            last: self.last.as_ref(),
            same_account: !both || self.same_account(),
        };
        match (decide(&outer, &inner, known), outer, inner) {
            (Crossing::In, Side::Good(login), _) => {
                if odd
                    && self
                        .inner
                        .look(CREDENTIALS)?
                        .is_some_and(|stat| kind(&stat) != "a file")
                {
                    self.inner.put_aside(CREDENTIALS)?;
                }
                let file = login.within(inner_file.as_deref());
                self.inner.put(CREDENTIALS, file.as_bytes())?;
                self.last = Some(login);
            }
            (Crossing::Out, _, Side::Good(login)) => {
                let file = login.within(outer_file.as_deref());
                self.outer.put(self.outer_name, file.as_bytes())?;
                self.last = Some(login);
            }
            (Crossing::Foreign, ..) => {
                self.stands = Some(format!(
                    "the login inside is of another account than the one in {}: it was not brought out",
                    self.share.at
                ));
            }
            (_, Side::Unfit(why), _) => {
                let at = &self.share.at;
                let what = format!("{at} holds no login, and was left as it is: {why}");
                self.stands = Some(what);
            }
            (_, Side::Good(outer), Side::Good(inner)) if outer == inner => self.last = Some(outer),
            _ => {}
        }
        Ok(true)
    }

    /// Whether both sides name the same account; where the host names none, that says nothing.
    fn same_account(&self) -> bool {
        if !self.share.of_host {
            return true;
        }
        let at = self.share.claude_json.path();
        let folder = at.parent().map(Text::from).unwrap_or_default();
        let now = Folder::of_user(&folder)
            .and_then(|folder| folder.read_of_user(CLAUDE_JSON, MOST_JSON))
            .ok()
            .flatten();
        let outer = now
            .and_then(|json| account(&json))
            .or_else(|| self.share.account.clone());
        let inner = self.inner.read_any(CLAUDE_JSON, MOST_JSON).ok().flatten();
        outer.is_none() || inner.and_then(|json| account(&json)) == outer
    }

    fn lock(&self, patience: Duration) -> Result<Option<Flock<File>>, InstanceError> {
        let end = Instant::now() + patience;
        let Some(mut file) = self.own.file(LOCK, true)? else {
            return Ok(None);
        };
        loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok(Some(lock)),
                Err(_) if Instant::now() > end => return Ok(None),
                Err((again, _)) => file = again,
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.turn.give_back(&self.outer, &self.inner, false);
    }
}

/// An error with its causes.
fn chain(error: &InstanceError) -> String {
    let mut text = format!("it could not be kept in step: {error}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}

/// By descriptor: what is watched is the folder that is held.
fn watch(outer: &Folder, inner: &Folder) -> rustix::io::Result<OwnedFd> {
    use inotify::{CreateFlags, WatchFlags};
    let watch = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    let changes = WatchFlags::MOVED_TO | WatchFlags::CLOSE_WRITE | WatchFlags::ONLYDIR;
    let changes = changes | WatchFlags::CREATE | WatchFlags::DELETE;
    for folder in [outer, inner] {
        let path = format!("/proc/self/fd/{}", folder.fd.as_raw_fd());
        inotify::add_watch(&watch, path, changes)?;
    }
    Ok(watch)
}
