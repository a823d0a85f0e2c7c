//! Owns which folders of a host hold what must never enter: the catalogue of secret places (FS-D), and the
//! places from which claudebox refuses to start (RUN-06). Pure: paths in, reasons out; links were followed before.

mod catalogue;

use std::path::{Path, PathBuf};

pub use self::catalogue::{SECRET_IN_HOME, SECRET_ON_HOST};
use self::catalogue::{SHELVES, SYSTEM};
use crate::facts::Facts;
use crate::text::Text;

/// A place that must not enter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// Where, links followed.
    pub at: PathBuf,
    /// What lies there.
    pub what: String,
}

/// Every place of a host that must not enter, under each name that leads to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secrets {
    home: PathBuf,
    config: Vec<PathBuf>,
    other_homes: Vec<PathBuf>,
    /// The ends of secret places that are links or lie behind one, and claudebox's own files.
    elsewhere: Vec<(PathBuf, &'static str)>,
}

impl Secrets {
    /// Those of the host that `facts` describe. A place that is a link, or lies behind one, counts by both names.
    #[must_use]
    pub fn of(facts: &Facts) -> Self {
        let home = facts.user.home.path().to_owned();
        let end = |place: &str| {
            let node = facts.node(&home.join(place)).filter(|node| node.link);
            node.map(|node| node.real.path().to_owned())
        };
        let linked = SECRET_IN_HOME
            .iter()
            .filter_map(|(place, what)| Some((end(place)?, *what)));
        let own = std::iter::once(&facts.files.folder).chain(&facts.files.real);
        let own = own.map(|file| (file.path().to_owned(), "what steers claudebox"));
        Self {
            config: end(".config")
                .into_iter()
                .chain([home.join(".config")])
                .collect(),
            elsewhere: linked.chain(own).collect(),
            other_homes: facts
                .other_homes
                .iter()
                .map(|home| home.path().to_owned())
                .collect(),
            home,
        }
    }

    /// The secret place of a person that `path` is, lies in, or lies above, though not above a whole home folder.
    fn of_people(&self, path: &Path) -> Option<Secret> {
        let secret = |at: &Path, what: &str| Secret {
            at: at.to_owned(),
            what: what.into(),
        };
        for home in std::iter::once(&self.home).chain(&self.other_homes) {
            let Ok(inside) = path.strip_prefix(home) else {
                continue;
            };
            let met = SECRET_IN_HOME
                .iter()
                .find(|(place, _)| meet(inside, Path::new(place)));
            if let Some((place, what)) = met {
                return Some(secret(&home.join(place), what));
            }
        }
        self.elsewhere
            .iter()
            .find(|(at, _)| meet(path, at))
            .map(|(at, what)| secret(at, what))
    }

    /// The folder of `facts` from which claudebox refuses to start, and why (RUN-06).
    #[must_use]
    pub fn refuse_place(facts: &Facts) -> Option<(&Text, String)> {
        let secrets = Self::of(facts);
        [&facts.project.root, &facts.project.cwd]
            .into_iter()
            .find_map(|folder| Some((folder, secrets.refuse_project(folder.path())?)))
    }

    /// Why `path` cannot be a project (RUN-06), or `None`. `path` has all links followed.
    #[must_use]
    pub fn refuse_project(&self, path: &Path) -> Option<String> {
        let reason = |why: &str| Some(why.to_owned());
        if path == Path::new("/") {
            return reason("it is the root of the file system");
        }
        if path == self.home {
            return reason("it is the home folder");
        }
        if self.home.starts_with(path) {
            return reason("the home folder lies in it");
        }
        if self.other_homes.iter().any(|home| home.starts_with(path)) {
            return reason("the home folder of another user lies in it");
        }
        if self.config.iter().any(|config| path.starts_with(config)) {
            return reason("it holds the configuration of your programs");
        }
        if let Some(secret) = self.of_people(path) {
            return Some(format!("it holds {}", secret.what));
        }
        if path.starts_with(&self.home) {
            return None;
        }
        (system(path) || SHELVES.iter().any(|shelf| path == Path::new(shelf)))
            .then(|| "it is a folder of the system".into())
    }

    /// What a grant of `path` would uncover: the secret that it is, lies in, or lies above.
    #[must_use]
    pub fn uncovered_by(&self, path: &Path) -> Option<Secret> {
        let secret = |at: &Path, what: &str| {
            Some(Secret {
                at: at.to_owned(),
                what: what.into(),
            })
        };
        if self.home.starts_with(path) {
            return secret(&self.home, "the whole home folder");
        }
        let other = self
            .other_homes
            .iter()
            .find(|home| meet(path, home) && !self.home.starts_with(home));
        if let Some(home) = other {
            return secret(home, "the home folder of another user");
        }
        if let Some(secret) = self.of_people(path) {
            return Some(secret);
        }
        // The home folder itself may lie in a place of the system, such as a temporary folder.
        let on_host = SECRET_ON_HOST
            .iter()
            .filter(|_| !path.starts_with(&self.home));
        let met = on_host
            .map(|(place, what)| (Path::new(place), what))
            .find(|(place, _)| meet(path, place));
        met.and_then(|(place, what)| secret(place, what))
    }
}

/// What secret place `path` is, lies in or lies above, by the catalogue alone; `home` is the caller's.
#[must_use]
pub fn secret_at(home: &Path, path: &Path) -> Option<&'static str> {
    let in_home = path.strip_prefix(home).ok().and_then(|inside| {
        SECRET_IN_HOME
            .iter()
            .find(|(place, _)| meet(inside, Path::new(place)))
    });
    // The home folder itself may lie in a place of the system, such as a temporary folder.
    let on_host = SECRET_ON_HOST
        .iter()
        .filter(|_| !path.starts_with(home))
        .find(|(place, _)| meet(path, Path::new(place)));
    in_home.or(on_host).map(|(_, what)| *what)
}

/// Whether one lies in the other.
fn meet(one: &Path, other: &Path) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// Whether `path` is a folder of the system or lies in one.
#[must_use]
pub fn system(path: &Path) -> bool {
    let below_shelf = SHELVES.iter().any(|shelf| path.starts_with(shelf));
    !below_shelf && SYSTEM.iter().any(|folder| path.starts_with(folder))
}

/// Whether `place` is one of the host's folders for temporary files.
#[must_use]
pub fn temporary(place: &Path) -> bool {
    ["/tmp", "/var/tmp"]
        .iter()
        .any(|folder| place == Path::new(folder))
}

/// Why `home` cannot be a home folder, or `None`: an empty one is mounted over it.
#[must_use]
pub fn refuse_home(home: &Path) -> Option<&'static str> {
    if home == Path::new("/") {
        return Some("it is the root of the file system");
    }
    let shelf = SHELVES
        .iter()
        .any(|shelf| home == Path::new(shelf) && *shelf != "/root" && *shelf != "/var/roothome");
    (shelf || system(home)).then_some("it is a folder of the system")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: &str = "/home/ann";

    fn secrets() -> Secrets {
        Secrets {
            home: HOME.into(),
            config: vec![
                format!("{HOME}/.config").into(),
                format!("{HOME}/dot/config").into(),
            ],
            other_homes: vec!["/home/bob".into()],
            // `~/.aws` is a link.
            elsewhere: vec![("/secure/aws".into(), "AWS credentials")],
        }
    }

    #[test]
    fn no_project_where_secrets_or_the_system_lie() {
        for path in [
            "/",
            "/home",
            HOME,
            "/usr",
            "/usr/src/x",
            "/etc",
            "/nix/store/x",
            "/var/lib/x",
            "/tmp",
            "/opt",
            "/root",
            "/home/ann/.ssh",
            "/home/ann/.ssh/x",
            "/home/ann/.config",
            "/home/ann/.config/nvim",
            "/home/ann/.claude/x",
            "/home/ann/.claudebox",
            "/home/ann/.claudebox/projects/x",
            "/home/ann/.aws",
            "/home/ann/.password-store",
            "/secure",
            "/secure/aws/x",
            "/home/ann/dot/config",
            "/home/ann/dot/config/gcloud",
            "/home/bob",
            "/home/bob/.ssh/x",
            "/home/ann/.local",
        ] {
            assert!(
                secrets().refuse_project(Path::new(path)).is_some(),
                "{path} must be refused"
            );
        }
        for path in [
            "/home/ann/src",
            "/home/ann/.dotfiles",
            "/tmp/x",
            "/opt/app",
            "/srv/www",
            "/work/x",
            "/run/media/ann/disk",
            "/home/bob/shared",
            "/var/srv/x",
        ] {
            assert_eq!(
                secrets().refuse_project(Path::new(path)),
                None,
                "{path} is a project"
            );
        }
    }

    #[test]
    fn a_grant_above_inside_or_at_a_secret_place_uncovers_it() {
        for path in [
            "/",
            "/home",
            HOME,
            "/home/ann/.ssh",
            "/home/ann/.ssh/id",
            "/home/ann/.config",
            "/run",
            "/run/user/1",
            "/var",
            "/etc",
            "/tmp",
            "/tmp/x",
            "/secure",
            "/secure/aws/x",
            "/home/bob",
            "/home/bob/x",
        ] {
            assert!(
                secrets().uncovered_by(Path::new(path)).is_some(),
                "{path} uncovers something"
            );
        }
        for path in [
            "/home/ann/src",
            "/home/ann/.config/nvim",
            "/opt",
            "/srv/data",
            "/etc/hosts",
            "/var/cache/x",
        ] {
            assert_eq!(secrets().uncovered_by(Path::new(path)), None, "{path}");
        }
    }

    #[test]
    fn a_home_that_would_cover_the_system_is_refused() {
        for home in [
            "/",
            "/tmp",
            "/usr",
            "/etc",
            "/var",
            "/dev",
            "/home",
            "/var/lib/service",
        ] {
            assert!(refuse_home(Path::new(home)).is_some(), "{home}");
        }
        for home in [HOME, "/root", "/var/home/ann", "/tmp/test-home", "/srv/git"] {
            assert_eq!(refuse_home(Path::new(home)), None, "{home}");
        }
    }
}
