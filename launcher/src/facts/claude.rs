//! Owns reading what of the user's own Claude Code a session sees, and the instance of this project. Nothing here decides what is
//! shown: the list is [`SHOWN`].
//!
//! Links of the user's are followed (dotfile managers, home-manager), but only such as no session can have made: in `~/.claude`
//! itself, in the Nix store, in folders of the system. A link in a folder of dotfiles may be from an agent that worked there, and
//! lead to a secret (CVE-2024-42472 class).

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::walk::Walk;
use super::{Content, FILE_LIMIT, Facts};
use crate::instance::{
    CLAUDE_JSON, CREDENTIALS, IDENTITY, Keep, LOGIN, Own, OwnClaude, SHOWN, Seed, Shown, root_of,
};
use crate::login::{MOST_FILE, OnHost, Side};
use crate::place;
use crate::text::Text;

/// The largest `~/.claude.json` that is read: it grows with every project.
const MOST_JSON: u64 = 32 * 1024 * 1024;
/// The most entries of a folder whose links are looked at, and the most of these that are followed.
const MOST_ENTRIES: usize = 512;
const MOST_ENDS: usize = 64;

/// What there is for the caller of `facts`, in this project.
pub(super) fn read(facts: &Facts, walk: &mut Walk) -> OwnClaude {
    let home = facts.user.home.path();
    let folder = Folder {
        at: home.join(".claude"),
        is_link: fs::symlink_metadata(home.join(".claude")).is_ok_and(|found| found.is_symlink()),
        home,
        uid: facts.user.uid,
    };
    let mut dangling = Vec::new();
    let mut shown = BTreeMap::new();
    for one in &SHOWN {
        if let Some(own) = folder.look(one, walk, &mut dangling) {
            shown.insert(one.name.to_owned(), own);
        }
    }
    let (seed, no_seed) = seed(facts, &folder, walk);
    let keep = Keep::of(facts);
    let claude = keep.claude();
    let identity = identity(keep.root.path());
    let before = Content::read(keep.folder().join(IDENTITY).path());
    OwnClaude {
        made_anew: matches!(before, Content::Bytes(before) if before != identity.as_str()),
        identity,
        shown,
        seed,
        no_seed,
        instance: fs::symlink_metadata(keep.folder()).is_ok(),
        login: login(facts, &folder),
        servers: servers(claude.join(CLAUDE_JSON).path()),
        dangling,
    }
}

/// Which folder lies at `root`. An inode alone is given again (stat(2)).
fn identity(root: &Path) -> String {
    let Ok(found) = fs::metadata(root) else {
        return String::new();
    };
    let born = found
        .created()
        .ok()
        .and_then(|born| born.duration_since(std::time::UNIX_EPOCH).ok());
    let born = born.map(|born| format!("{}.{:09}", born.as_secs(), born.subsec_nanos()));
    format!("{} {}", found.ino(), born.unwrap_or_default())
}

/// The user's `~/.claude`.
struct Folder<'a> {
    at: PathBuf,
    is_link: bool,
    home: &'a Path,
    uid: u32,
}

impl Folder<'_> {
    fn look(&self, shown: &Shown, walk: &mut Walk, dangling: &mut Vec<Text>) -> Option<Own> {
        let at = self.at.join(shown.name);
        fs::symlink_metadata(&at).ok()?;
        let real = match self.end(&at, shown.name, walk) {
            Ok(real) => real,
            Err(why) => return Some(Own::Left(why)),
        };
        Some(match fs::metadata(&real) {
            Err(error) => Own::Left(error.to_string()),
            Ok(found) if shown.folder && !found.is_dir() => Own::Left("it is no folder".into()),
            Ok(found) if shown.folder => match self.is_trusted(&real, found.uid()) {
                true => {
                    let ends = self.ends(&at, &real, shown.name, walk, dangling);
                    Own::Folder {
                        real: real.into(),
                        ends,
                    }
                }
                false => Own::Left(format!("it belongs to uid {}", found.uid())),
            },
            Ok(_) => match Content::read_up_to(&real, FILE_LIMIT) {
                Content::Bytes(content) => Own::File {
                    real: real.into(),
                    content,
                },
                Content::Absent => return None,
                Content::Refused(why) => Own::Left(why),
            },
        })
    }

    /// Where `at` ends, or why that is not shown.
    fn end(&self, at: &Path, name: &str, walk: &mut Walk) -> Result<PathBuf, String> {
        let end = walk.follow(at);
        let own_link = |link: &Path| link == self.at || !self.is_link && link.starts_with(&self.at);
        let odd = end
            .links
            .iter()
            .find(|link| !own_link(link.path()) && !of_system(link.path()));
        if let Some(link) = odd {
            return Err(format!(
                "it is reached through the link {link}, which a session may have made"
            ));
        }
        let own_place =
            fs::canonicalize(&self.at).is_ok_and(|own| end.real.starts_with(own.join(name)));
        match place::secret_at(self.home, &end.real).filter(|_| !own_place) {
            Some(what) => Err(format!(
                "it leads to {}, which holds {what}",
                Text::from(end.real)
            )),
            None => Ok(end.real),
        }
    }

    /// Whether nobody but the user, root or Nix has made it.
    fn is_trusted(&self, real: &Path, uid: u32) -> bool {
        uid == self.uid || uid == 0 || real.starts_with("/nix/store")
    }

    /// Where the links directly in a folder end, as far as each is one step to a place that can be shown as it is called.
    fn ends(
        &self,
        at: &Path,
        real: &Path,
        name: &str,
        walk: &mut Walk,
        dangling: &mut Vec<Text>,
    ) -> Vec<Text> {
        let mut ends = Vec::new();
        let Ok(entries) = fs::read_dir(real) else {
            return ends;
        };
        for entry in entries.flatten().take(MOST_ENTRIES) {
            if !entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
                continue;
            }
            let link = at.join(entry.file_name());
            let end = match self.end(&link, name, walk) {
                Ok(end) if end.starts_with(real) || of_system(&end) => continue,
                end => end.ok(),
            };
            // Inside, the same words lead to the same place only where no other link is on the way.
            let straight = end.filter(|end| {
                let words = fs::read_link(entry.path()).map(|words| at.join(words));
                words.is_ok_and(|words| normal(&words) == *end) && at == real
            });
            let shown = straight.filter(|end| {
                let found = fs::metadata(end);
                found.is_ok_and(|found| {
                    (found.is_dir() || found.is_file()) && self.is_trusted(end, found.uid())
                })
            });
            match shown {
                Some(end) if ends.len() < MOST_ENDS => ends.push(end.into()),
                _ => dangling.push(link.into()),
            }
        }
        ends.sort();
        ends
    }
}

/// `path` without `.` and `..`, by its words alone.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => _ = normal.pop(),
            std::path::Component::CurDir => {}
            part => normal.push(part),
        }
    }
    normal
}

/// A place that only root or Nix writes.
fn of_system(path: &Path) -> bool {
    path.starts_with("/nix/store") || path.starts_with("/usr") || path.starts_with("/etc")
}

/// What of `~/.claude.json` comes over; and why nothing does, where there is one.
fn seed(facts: &Facts, folder: &Folder<'_>, walk: &mut Walk) -> (Seed, Option<String>) {
    let at = folder.home.join(".claude.json");
    if fs::symlink_metadata(&at).is_err() {
        return (Seed::default(), None);
    }
    let end = walk.follow(&at);
    let odd = end
        .links
        .iter()
        .find(|link| link.path() != at && !of_system(link.path()));
    if let Some(link) = odd {
        let why = format!("it is reached through the link {link}, which a session may have made");
        return (Seed::default(), Some(why));
    }
    let content = match Content::read_up_to(&end.real, MOST_JSON) {
        Content::Absent => return (Seed::default(), None),
        Content::Refused(why) => return (Seed::default(), Some(why)),
        Content::Bytes(content) => content,
    };
    let root = root_of(&facts.project);
    let key = facts
        .variable("ANTHROPIC_API_KEY")
        .and_then(|key| key.utf8());
    match Seed::of(
        content.as_bytes(),
        &facts.project.root,
        &[&root, &facts.project.cwd],
        key,
    ) {
        Ok(seed) => (seed, None),
        Err(error) => (
            Seed::default(),
            Some(format!(
                "it is not what Claude Code writes: {}",
                bare(&error)
            )),
        ),
    }
}

/// Whether there is a login, and whether it may enter. None of it is kept.
fn login(facts: &Facts, folder: &Folder<'_>) -> OnHost {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
    let side = |at: &Path| match Content::read_up_to(at, MOST_FILE) {
        Content::Absent => Side::Absent,
        Content::Refused(why) => Side::Unfit(why),
        Content::Bytes(content) => Side::of(Ok(Some(content.as_bytes().to_owned())), now),
    };
    let own = || match side(facts.files.folder.join(LOGIN).path()) {
        Side::Good(_) => OnHost::Own,
        _ => OnHost::None,
    };
    let Ok(real) = fs::canonicalize(&folder.at) else {
        return own();
    };
    let at = real.join(CREDENTIALS);
    match side(&at) {
        Side::Absent => own(),
        Side::Unfit(why) => OnHost::Left(why),
        Side::Good(_) | Side::Spent => {
            match [&real, &at].into_iter().find_map(|at| odd(at, folder.uid)) {
                Some(why) => OnHost::Left(why),
                None => OnHost::Host(at.as_path().into()),
            }
        }
    }
}

/// Why others might have written it.
fn odd(at: &Path, uid: u32) -> Option<String> {
    let found = match fs::symlink_metadata(at) {
        Ok(found) => found,
        Err(error) => return Some(error.to_string()),
    };
    let shown = Text::from(at);
    if found.uid() != uid {
        return Some(format!("{shown} belongs to uid {}", found.uid()));
    }
    let open = found.mode() & 0o002 != 0;
    open.then(|| format!("everybody can write {shown}: chmod o-w {shown}"))
}

/// What serde_json says, without what stands in the file.
fn bare(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}

/// The MCP servers that a session has added, which are programs that the next one starts inside.
fn servers(claude_json: &Path) -> Vec<Text> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Servers {
        mcp_servers: Option<BTreeMap<String, serde::de::IgnoredAny>>,
    }
    let Content::Bytes(content) = Content::read_up_to(claude_json, MOST_JSON) else {
        return Vec::new();
    };
    let read = serde_json::from_slice::<Servers>(content.as_bytes());
    let servers = read
        .ok()
        .and_then(|read| read.mcp_servers)
        .unwrap_or_default();
    servers.into_keys().map(Text::from).collect()
}
