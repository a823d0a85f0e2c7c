//! Owns looking at the processes of the machine, from outside of any sandbox: whose child each is, and whether it still is.

use std::fs;
use std::path::Path;

/// One process of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// The id of its parent.
    pub parent: u32,
    /// The id of its session, which is that of the process that began it: it stays the same when the parents are gone.
    pub session: u32,
    /// Its name, cut by the kernel to 15 bytes.
    pub name: String,
    /// Its arguments, joined by spaces.
    pub line: String,
    /// The letter of its state: `R`, `S`, `T` (stopped), `Z` (gone, not yet waited for) and so on.
    pub state: char,
}

/// All processes that can be seen. Those that have ended and are only not yet waited for are not among them.
///
/// # Panics
///
/// When `/proc` cannot be read: a test that looks for survivors must not pass because nothing could be seen.
#[must_use]
pub fn processes() -> Vec<Process> {
    let entries = fs::read_dir("/proc").expect("reading /proc").flatten();
    let alive = entries
        .filter_map(|entry| process(&entry.path()))
        .filter(|process| process.state != 'Z');
    alive.collect()
}

/// All processes below one, not itself.
#[must_use]
pub fn descendants(pid: u32) -> Vec<Process> {
    let all = processes();
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![pid];
    while let Some(parent) = parents.pop() {
        for process in all.iter().filter(|process| process.parent == parent) {
            parents.push(process.pid);
            found.push(process.clone());
        }
    }
    found
}

/// Those whose arguments hold `marker`.
#[must_use]
pub fn processes_with(marker: &str) -> Vec<Process> {
    processes()
        .into_iter()
        .filter(|process| process.line.contains(marker))
        .collect()
}

fn process(folder: &Path) -> Option<Process> {
    let pid = folder.file_name()?.to_str()?.parse().ok()?;
    let stat = fs::read_to_string(folder.join("stat")).ok()?;
    // The name may hold anything, brackets too: its end is the last one (proc_pid_stat(5)).
    let (start, rest) = stat.rsplit_once(')')?;
    let name = start.split_once('(')?.1.to_owned();
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    let line = fs::read(folder.join("cmdline")).ok()?;
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    Some(Process {
        pid,
        parent,
        session,
        name,
        line,
        state,
    })
}
