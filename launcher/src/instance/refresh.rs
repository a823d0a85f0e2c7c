//! Owns whose turn it is to refresh a login, inside or outside: a refresh token is good for one use, and the client locks its own folder
//! alone.
//!
//! The client (2.1.197) makes the folder [`LOCK`] beside its login, looks once more whether somebody else has refreshed it, asks for
//! a new one, and removes the folder. Who finds it there waits, and tries again five times within 5 to 10 s. One that is older than 10 s
//! is left over, and counts for nothing. So who refreshes on one side is shown on the other by a lock there, until what it got is there
//! too. The lock outside is also what launchers show each other.
//!
//! What is inside can take its lock as often and as long as it likes: outside it counts for [`LONGEST`], and where nothing came of it, for a
//! third of the time. One that a launcher made is told by [`SHOWN`]: of two sessions in one folder, neither shows the other's.

use std::ffi::OsStr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::sys::stat::{FileStat, Mode, UtimensatFlags, mkdirat, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::folder::{Folder, identity, kind, look};

/// What the client makes in the folder of its login.
pub(super) const LOCK: &str = ".oauth_refresh.lock";
/// After how long the client takes one for left over.
const STALE: Duration = Duration::from_secs(10);
/// How long the inside holds the host up: no longer than the client of the host tries. The service answers in a fraction of a second.
const LONGEST: Duration = Duration::from_secs(5);
/// The mode of one that a launcher made, which the client never gives its own.
const SHOWN: Mode = Mode::S_IRWXU.union(Mode::S_ISVTX);

/// The lock of one side that is shown on the other.
#[derive(Debug, Default)]
pub(super) struct RefreshLock {
    shown: Option<Shown>,
    rests: Option<Instant>,
}

#[derive(Debug)]
struct Shown {
    /// Whether the inside refreshes, and the lock is outside; else the reverse.
    by_inside: bool,
    mark: Mark,
    since: Instant,
    until: Instant,
}

/// Which folder it is: an inode alone may be another's by now.
type Mark = (u64, u64, i64, i64);

fn mark(stat: &FileStat) -> Mark {
    let (device, inode) = identity(stat);
    (device, inode, stat.st_mtime, stat.st_mtime_nsec)
}

fn since_1970() -> Duration {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default()
}

/// Whether a launcher made the lock that is there.
fn is_shown(folder: &Folder) -> bool {
    let there = look(&folder.fd, OsStr::new(LOCK)).ok().flatten();
    there.is_some_and(|stat| Mode::from_bits_truncate(stat.st_mode).contains(SHOWN))
}

/// A lock that counts.
fn standing(folder: &Folder) -> Option<Mark> {
    let stat = look(&folder.fd, OsStr::new(LOCK)).ok().flatten()?;
    let changed = Duration::from_secs(u64::try_from(stat.st_mtime).ok()?);
    let fresh = since_1970() < changed + STALE;
    (kind(&stat) == "a folder" && fresh).then(|| mark(&stat))
}

/// Has the lock count for so long from now, and a little longer: it is looked at when the time is over.
fn date(folder: &Folder, lasts: Duration) -> Option<Mark> {
    let until = since_1970() + lasts + Duration::from_secs(2);
    let at = TimeSpec::from_duration(until.saturating_sub(STALE));
    let flags = UtimensatFlags::NoFollowSymlink;
    utimensat(&folder.fd, LOCK, &at, &at, flags).ok()?;
    let stat = look(&folder.fd, OsStr::new(LOCK)).ok().flatten()?;
    Some(mark(&stat))
}

/// Takes the lock of a folder for so long; `None` where somebody has it.
fn take(folder: &Folder, lasts: Duration) -> Option<Mark> {
    match mkdirat(&folder.fd, LOCK, SHOWN) {
        Ok(()) => {}
        // One that is left over is taken as the client takes it.
        Err(Errno::EEXIST) if standing(folder).is_none() => {
            unlinkat(&folder.fd, LOCK, UnlinkatFlags::RemoveDir).ok()?;
            mkdirat(&folder.fd, LOCK, SHOWN).ok()?;
        }
        Err(_) => return None,
    }
    date(folder, lasts)
}

impl RefreshLock {
    /// When [`RefreshLock::is_over`] wants to be asked.
    pub(super) fn until(&self) -> Option<Instant> {
        self.shown.as_ref().map(|shown| shown.until)
    }

    /// At the start: who refreshes outside already is shown inside.
    pub(super) fn begin(&mut self, outer: &Folder, inner: &Folder, alone: bool) {
        if alone {
            // Of a session that is gone.
            let _ = unlinkat(&inner.fd, LOCK, UnlinkatFlags::RemoveDir);
        }
        let _ = self.is_over(outer, inner);
    }

    /// Looks at both sides and shows the one on the other. Whether a refresh is over: then what it got is to be carried over, and
    /// [`RefreshLock::give_back`].
    pub(super) fn is_over(&mut self, outer: &Folder, inner: &Folder) -> bool {
        let now = Instant::now();
        let (outside, inside) = (standing(outer), standing(inner));
        let Some(shown) = &mut self.shown else {
            let rests = self.rests.is_some_and(|end| now < end);
            let by_inside = match (outside, inside) {
                (None, Some(_)) if !rests && !is_shown(inner) => true,
                (Some(_), None) => false,
                _ => return false,
            };
            let taken = take(if by_inside { outer } else { inner }, LONGEST);
            self.shown = taken.map(|mark| Shown {
                by_inside,
                mark,
                since: now,
                until: now + LONGEST,
            });
            return false;
        };
        if shown.by_inside {
            return inside.is_none() || now >= shown.until;
        }
        if outside.is_some() && now >= shown.until {
            if inside == Some(shown.mark) {
                shown.mark = date(inner, LONGEST).unwrap_or(shown.mark);
            }
            shown.until = now + LONGEST;
        }
        outside.is_none()
    }

    /// A refresh is over, and what it got could not be carried over yet.
    pub(super) fn wait(&mut self, pause: Duration) {
        if let Some(shown) = &mut self.shown {
            shown.until = Instant::now() + pause;
        }
    }

    /// Removes the lock that is shown, if it still is that one. `new` says whether a login came of it.
    pub(super) fn give_back(&mut self, outer: &Folder, inner: &Folder, new: bool) {
        let Some(shown) = self.shown.take() else {
            return;
        };
        if shown.by_inside && !new {
            self.rests = Some(Instant::now() + 2 * shown.since.elapsed());
        }
        let folder = if shown.by_inside { outer } else { inner };
        if standing(folder) == Some(shown.mark) {
            let _ = unlinkat(&folder.fd, LOCK, UnlinkatFlags::RemoveDir);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Text;

    /// Two folders, and a lock that somebody takes in one of them.
    fn sides() -> (tempfile::TempDir, Folder, Folder) {
        let folder = tempfile::tempdir().expect("a folder");
        let open = |name: &str| {
            let path = folder.path().join(name);
            Folder::own(&Text::from(path.as_path()), true)
                .expect("it opens")
                .expect("it is made")
        };
        let (outer, inner) = (open("outer"), open("inner"));
        (folder, outer, inner)
    }

    /// As the client takes it.
    fn client_takes(folder: &Folder) {
        let mode = Mode::from_bits_truncate(0o755);
        mkdirat(&folder.fd, LOCK, mode).expect("nobody has it");
    }

    fn client_gives_back(folder: &Folder) {
        unlinkat(&folder.fd, LOCK, UnlinkatFlags::RemoveDir).expect("it is there");
    }

    #[test]
    fn what_is_inside_holds_the_host_up_for_a_while_and_not_again_at_once() {
        let (_folder, outer, inner) = sides();
        let mut turn = RefreshLock::default();
        client_takes(&inner);
        assert!(!turn.is_over(&outer, &inner));
        assert!(standing(&outer).is_some());
        assert!(!turn.is_over(&outer, &inner), "it goes on");
        let shown = turn.shown.as_mut().expect("it is shown");
        (shown.since, shown.until) = (shown.since - LONGEST, Instant::now());
        assert!(turn.is_over(&outer, &inner), "it never ends by itself");
        turn.give_back(&outer, &inner, false);
        assert!(standing(&outer).is_none());
        assert!(!turn.is_over(&outer, &inner));
        assert!(standing(&outer).is_none(), "it counts for nothing now");
        turn.rests = Some(Instant::now());
        assert!(!turn.is_over(&outer, &inner));
        assert!(standing(&outer).is_some(), "the twin: it counts again");
        turn.give_back(&outer, &inner, true);
        turn.rests = None;
        assert!(!turn.is_over(&outer, &inner));
        assert!(standing(&outer).is_some(), "a login came of it");
    }

    #[test]
    fn a_lock_that_is_anothers_by_now_stays() {
        let (_folder, outer, inner) = sides();
        let mut turn = RefreshLock::default();
        client_takes(&inner);
        assert!(!turn.is_over(&outer, &inner));
        let ours = standing(&outer).expect("it is shown");
        client_gives_back(&outer);
        client_takes(&outer);
        let theirs = standing(&outer);
        assert_ne!(Some(ours), theirs);
        turn.give_back(&outer, &inner, true);
        assert_eq!(standing(&outer), theirs);
    }

    #[test]
    fn two_that_take_theirs_at_once_are_left_to_it() {
        let (_folder, outer, inner) = sides();
        let mut turn = RefreshLock::default();
        let both = [&outer, &inner];
        both.into_iter().for_each(client_takes);
        let theirs = both.map(standing);
        assert!(!turn.is_over(&outer, &inner) && turn.until().is_none());
        assert_eq!(both.map(standing), theirs);
    }

    #[test]
    fn two_sessions_in_one_folder_do_not_wait_for_each_other() {
        let (_folder, outer, inner) = sides();
        let (mut one, mut other) = (RefreshLock::default(), RefreshLock::default());
        client_takes(&inner);
        assert!(!one.is_over(&outer, &inner) && !other.is_over(&outer, &inner));
        client_gives_back(&inner);
        // The other one is told first, and shows inside what the one shows outside.
        assert!(!other.is_over(&outer, &inner));
        assert!(is_shown(&inner) && is_shown(&outer));
        one.give_back(&outer, &inner, true);
        assert!(!one.is_over(&outer, &inner));
        assert!(standing(&outer).is_none(), "it would wait for itself");
        assert!(other.is_over(&outer, &inner));
        other.give_back(&outer, &inner, false);
        assert!(standing(&inner).is_none());
    }

    #[test]
    fn one_that_is_left_over_is_taken_and_one_that_goes_on_is_shown_on() {
        let (_folder, outer, inner) = sides();
        let mut turn = RefreshLock::default();
        client_takes(&inner);
        let old = TimeSpec::from_duration(since_1970() - STALE);
        let flags = UtimensatFlags::NoFollowSymlink;
        utimensat(&inner.fd, LOCK, &old, &old, flags).expect("dating it");
        client_takes(&outer);
        assert!(!turn.is_over(&outer, &inner));
        assert!(is_shown(&inner));
        let before = standing(&inner);
        turn.wait(Duration::ZERO);
        assert!(!turn.is_over(&outer, &inner));
        assert_ne!(standing(&inner), before, "it is dated anew");
        client_gives_back(&outer);
        assert!(turn.is_over(&outer, &inner));
        turn.give_back(&outer, &inner, false);
        assert!(standing(&inner).is_none());
    }
}
