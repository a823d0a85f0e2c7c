//! Owns reading mountinfo (proc(5)): of the host outside, and of the sandbox inside.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use claudebox::text::Text;

use super::Seen;

/// The flags of a mount, beside read-only, that keep something from whoever is inside. How times are kept does not count.
const FLAGS: [&str; 3] = ["nosuid", "nodev", "noexec"];

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where it is mounted.
    pub at: Text,
    /// What of its file system is mounted.
    pub root: Text,
    /// The numbers of its file system.
    pub device: String,
    /// Its type.
    pub kind: String,
    /// Its flags, those that do not count here among them.
    pub flags: BTreeSet<String>,
}

impl Mount {
    /// A mount with these flags.
    #[must_use]
    pub fn new(at: &str, root: &str, device: &str, kind: &str, flags: &[&str]) -> Self {
        Self {
            at: at.into(),
            root: root.into(),
            device: device.to_owned(),
            kind: kind.to_owned(),
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
        }
    }

    /// Whether it has a flag.
    #[must_use]
    pub fn has(&self, flag: &str) -> bool {
        self.flags.contains(flag)
    }

    /// The same with more flags.
    #[must_use]
    pub fn with(&self, flags: &[&str]) -> Self {
        let mut more = self.clone();
        more.flags
            .extend(flags.iter().map(|flag| (*flag).to_owned()));
        more
    }

    /// Its flags, in one order.
    #[must_use]
    pub fn flags(&self) -> String {
        let access = if self.has("ro") { "ro" } else { "rw" };
        let more = FLAGS.into_iter().filter(|flag| self.has(flag));
        std::iter::once(access)
            .chain(more)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// Every mount of this process, in order.
///
/// # Errors
/// Where the table cannot be read.
pub fn read() -> io::Result<Vec<Mount>> {
    let table = fs::read_to_string("/proc/self/mountinfo")?;
    let odd = |line: &str| io::Error::other(format!("an odd line in mountinfo: {line}"));
    table
        .lines()
        .map(|line| parse(line).ok_or_else(|| odd(line)))
        .collect()
}

fn parse(line: &str) -> Option<Mount> {
    let (before, after) = line.split_once(" - ")?;
    let fields: Vec<&str> = before.split(' ').collect();
    Some(Mount {
        at: unescape(fields.get(4)?),
        root: unescape(fields.get(3)?),
        device: (*fields.get(2)?).to_owned(),
        kind: after.split(' ').next()?.to_owned(),
        flags: fields.get(5)?.split(',').map(str::to_owned).collect(),
    })
}

/// Blanks and backslashes are octal there.
fn unescape(field: &str) -> Text {
    let mut bytes = Vec::new();
    let mut rest = field.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after
            .get(..3)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(byte) if *first == b'\\' => {
                bytes.push(byte);
                rest = &after[3..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    OsString::from_vec(bytes).into()
}

/// Observes mounts: type and flags, where they come from, and how large a tmpfs is.
pub fn look(seen: &mut Seen, mounts: &[Mount]) {
    for mount in mounts {
        let Mount { at, kind, .. } = mount;
        seen.add(format!("mount {at}"), format!("{kind} {}", mount.flags()));
        seen.add(
            format!("source of {at}"),
            format!("{} {}", mount.device, mount.root),
        );
        if kind == "tmpfs" {
            let size = nix::sys::statvfs::statvfs(at.path());
            let size = size.map(|fs| u128::from(fs.blocks()) * u128::from(fs.fragment_size()));
            let size = size.map_or_else(|errno| errno.to_string(), |size| size.to_string());
            seen.add(format!("size of {at}"), size);
        }
    }
}

/// The mount that `path` lies on: the last of the longest.
#[must_use]
pub fn below<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    let above = mounts
        .iter()
        .filter(|mount| path.starts_with(mount.at.path()));
    above.max_by_key(|mount| mount.at.path().components().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read() {
        let line = "90 81 254:0 /a\\040b /c\\134d rw,nosuid,relatime shared:1 - ext4 /dev/vda rw";
        let mount = parse(line).expect("it is well formed");
        assert_eq!(
            mount,
            Mount::new(
                "/c\\d",
                "/a b",
                "254:0",
                "ext4",
                &["rw", "nosuid", "relatime"]
            )
        );
        assert_eq!(mount.flags(), "rw nosuid");
        assert_eq!(mount.with(&["ro", "nodev"]).flags(), "ro nosuid nodev");
        assert_eq!(parse("90 81"), None);
    }

    #[test]
    fn the_longest_and_last_counts() {
        let mount = |at, kind| Mount::new(at, "/", "0:1", kind, &[]);
        let mounts = [
            mount("/", "a"),
            mount("/x", "b"),
            mount("/x", "c"),
            mount("/xy", "d"),
        ];
        let kind = |path: &str| below(&mounts, Path::new(path)).map(|mount| mount.kind.as_str());
        assert_eq!(kind("/x/y"), Some("c"));
        assert_eq!(kind("/xz"), Some("a"));
    }
}
