//! Owns CMD: from one line to the words that are executed. No shell has a part in it.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use super::Complaint;
use crate::harness::bait::Bait;

/// The place of the command.
const COMMAND: &str = "{}";

/// The names that the places of a trial have in CMD. One that lies in another comes first.
const NAMES: [&str; 4] = ["{granted}", "{project}", "{home}", "{inside}"];

/// The places of a trial.
#[must_use]
pub fn places(bait: &Bait) -> [(&'static str, &Path); 4] {
    let [granted, project, home, inside] = NAMES;
    [
        (granted, &bait.granted),
        (project, &bait.project),
        (home, &bait.home),
        (inside, &bait.inside),
    ]
}

/// CMD, as words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The program, found by the PATH of who measures: that of a trial is bait.
    program: PathBuf,
    words: Vec<String>,
}

impl Template {
    /// Splits CMD, and finds its program.
    ///
    /// # Errors
    /// It is no command, or its program is not there.
    pub fn parse(command: &str) -> Result<Self, Complaint> {
        let complain = |what: String, hint: &str| Complaint {
            what: format!("--sandbox: {what}"),
            hint: hint.to_owned(),
        };
        let words = shlex::split(command).ok_or_else(|| {
            complain(
                format!("{command:?} is no command line"),
                "close each quote, and end with no backslash",
            )
        })?;
        let Some((program, words)) = words.split_first() else {
            return Err(complain(
                "there is no word in it".into(),
                "name the command that starts the sandbox: --sandbox 'srt -c'",
            ));
        };
        let places = words.iter().filter(|word| *word == COMMAND).count();
        if places > 1 {
            return Err(complain(
                format!("{COMMAND} stands in it {places} times"),
                "the command can be started in one place only",
            ));
        }
        let known = |word: &str| word == COMMAND || NAMES.contains(&word);
        let looks_like_one = |word: &str| {
            let name = word
                .strip_prefix('{')
                .and_then(|word| word.strip_suffix('}'));
            name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_lowercase()))
        };
        if let Some(word) = words
            .iter()
            .find(|word| looks_like_one(word) && !known(word))
        {
            return Err(complain(
                format!("nothing is known as {word}"),
                "the places are {}, {home}, {project}, {granted} and {inside}",
            ));
        }
        let found = find(program).ok_or_else(|| {
            complain(
                format!("{program:?} is no program that can be executed"),
                "install it, or write its path",
            )
        })?;
        Ok(Self {
            program: found,
            words: words.to_vec(),
        })
    }

    /// The words by which `half` is started inside.
    ///
    /// # Errors
    /// It cannot be quoted.
    pub fn fill(&self, places: &[(&str, &Path)], half: &[&OsStr]) -> Result<Vec<OsString>, String> {
        let place = self.words.iter().position(|word| word == COMMAND);
        let place = place.unwrap_or(self.words.len());
        let (before, after) = self.words.split_at(place);
        let mut words = vec![self.program.clone().into_os_string()];
        words.extend(before.iter().map(|word| with_places(word, places)));
        if before.last().is_some_and(|word| word == "-c") {
            let line = shlex::bytes::try_join(half.iter().map(|word| word.as_bytes()));
            let line = line.map_err(|error| format!("quoting the command: {error}"))?;
            words.push(OsString::from_vec(line));
        } else {
            words.extend(half.iter().map(|word| (*word).to_owned()));
        }
        words.extend(after.iter().skip(1).map(|word| with_places(word, places)));
        Ok(words)
    }
}

fn with_places(word: &str, places: &[(&str, &Path)]) -> OsString {
    let mut filled = OsString::new();
    let mut rest = word;
    while let Some((at, name, place)) = places
        .iter()
        .filter_map(|(name, place)| Some((rest.find(name)?, name, place)))
        .min_by_key(|(at, ..)| *at)
    {
        filled.push(&rest[..at]);
        filled.push(place);
        rest = &rest[at + name.len()..];
    }
    filled.push(rest);
    filled
}

fn find(program: &str) -> Option<PathBuf> {
    let executable =
        |path: &PathBuf| path.is_file() && access(path.as_path(), AccessFlags::X_OK).is_ok();
    if program.contains('/') {
        return std::path::absolute(program).ok().filter(executable);
    }
    let path = env::var_os("PATH")?;
    // An absolute one: the working folder of a trial is another.
    let folders = env::split_paths(&path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(program)).find(executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_line_becomes_these_words() {
        let half: [&OsStr; 3] = ["/in side".as_ref(), "inside".as_ref(), "probe".as_ref()];
        // What a path holds is no place.
        let places = [
            ("{home}", Path::new("/h {project}")),
            ("{project}", Path::new("/p")),
        ];
        let cases: [(&str, &[&str]); 8] = [
            ("env", &["/in side", "inside", "probe"]),
            ("env --", &["--", "/in side", "inside", "probe"]),
            (
                "env 'a b' c\\ d",
                &["a b", "c d", "/in side", "inside", "probe"],
            ),
            // No shell has a part in it.
            (
                "env $HOME `id` *",
                &["$HOME", "`id`", "*", "/in side", "inside", "probe"],
            ),
            ("env -c", &["-c", "'/in side' inside probe"]),
            ("env {} after", &["/in side", "inside", "probe", "after"]),
            (
                "env -c {} after",
                &["-c", "'/in side' inside probe", "after"],
            ),
            (
                "env --at={home}:{project}{home} {nothing",
                &[
                    "--at=/h {project}:/p/h {project}",
                    "{nothing",
                    "/in side",
                    "inside",
                    "probe",
                ],
            ),
        ];
        for (line, wanted) in cases {
            let template = Template::parse(line).expect(line);
            let words = template.fill(&places, &half).expect(line);
            // The program comes first, with its path.
            assert!(Path::new(&words[0]).is_absolute() && words[0].as_bytes().ends_with(b"/env"));
            assert_eq!(words[1..], wanted[..], "{line}");
        }
    }
}
