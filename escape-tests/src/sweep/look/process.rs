//! Owns observing the process and those beside it: environment, descriptors, identity, privileges, namespaces, limits.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use claudebox::limit::Limited;
use claudebox::text::{Text, escape};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::{major, minor};

use crate::harness::inside;
use crate::sweep::Seen;
use crate::sweep::host;
use crate::sweep::level::Kind;

/// What of /proc/PID/status says who a process is and what it may do (proc(5)).
const STATUS: [&str; 12] = [
    "Uid",
    "Gid",
    "Groups",
    "CapInh",
    "CapPrm",
    "CapEff",
    "CapBnd",
    "CapAmb",
    "NoNewPrivs",
    "Seccomp",
    "Seccomp_filters",
    "NSpid",
];

pub(super) fn look(seen: &mut Seen) {
    descriptors(seen);
    environment(seen);
    processes(seen);
    for (who, pid) in [("the sweep", "self"), ("PID 1", "1")] {
        status(seen, who, pid);
    }
    pid_1(seen);
    let number = |result: nix::Result<nix::unistd::Pid>| {
        result.map_or_else(|errno| errno.to_string(), |pid| pid.to_string())
    };
    seen.add("process group", number(Ok(nix::unistd::getpgrp())));
    seen.add("session", number(nix::unistd::getsid(None)));
    let core = getrlimit(Resource::RLIMIT_CORE);
    let core = core.map_or_else(
        |errno| errno.to_string(),
        |(soft, hard)| format!("{soft} {hard}"),
    );
    seen.add("limit of core files", core);
    for on in Limited::ALL {
        let hard = getrlimit(on.resource());
        let hard = hard.map_or_else(|errno| errno.to_string(), |(_, hard)| hard.to_string());
        seen.add(format!("limit of {}", on.name()), hard);
    }
    seen.add(
        "working folder",
        std::env::current_dir().map_or_else(
            |error| error.to_string(),
            |folder| escape(folder.as_os_str()),
        ),
    );
    for (what, file) in [("hostname", "hostname"), ("domain", "domainname")] {
        seen.add(what, line(&format!("/proc/sys/kernel/{file}")));
    }
    namespaces(seen);
    cgroups(seen);
    for kind in ["msg", "sem", "shm"] {
        if let Ok(table) = fs::read_to_string(format!("/proc/sysvipc/{kind}")) {
            let objects = table.lines().skip(1).count();
            seen.add(format!("System V objects in {kind}"), objects.to_string());
        }
    }
}

/// A file of one line.
fn line(path: &str) -> String {
    fs::read_to_string(path)
        .map_or_else(|error| error.to_string(), |text| text.trim_end().to_owned())
}

fn descriptors(seen: &mut Seen) {
    let Ok(listed) = fs::read_dir("/proc/self/fd") else {
        return;
    };
    let listed: Vec<_> = listed.flatten().map(|entry| entry.path()).collect();
    for path in listed {
        // The descriptor of the listing itself is gone by now.
        let (Ok(_), Some(number)) = (fs::read_link(&path), path.file_name()) else {
            continue;
        };
        let number = number.to_string_lossy();
        seen.add(format!("descriptor {number}"), descriptor(&path, &number));
    }
}

fn descriptor(path: &Path, number: &str) -> String {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => return error.to_string(),
    };
    let kind = match Kind::of(metadata.file_type()) {
        Kind::Fifo => "pipe".to_owned(),
        Kind::Device => format!(
            "device {}:{}",
            major(metadata.rdev()),
            minor(metadata.rdev())
        ),
        kind => format!("{kind:?}"),
    };
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let access = flags.and_then(|flags| i32::from_str_radix(flags.trim(), 8).ok());
    let access = match access.map(|flags| flags & nix::libc::O_ACCMODE) {
        Some(nix::libc::O_RDONLY) => "read",
        Some(nix::libc::O_WRONLY) => "write",
        Some(_) => "read and write",
        None => "unknown",
    };
    format!("{kind}, {access}")
}

/// As it was handed over, byte for byte: a library may show each name once only.
fn environment(seen: &mut Seen) {
    let bytes = match fs::read("/proc/self/environ") {
        Ok(bytes) => bytes,
        Err(error) => return seen.add("environment", error.to_string()),
    };
    for one in bytes.split(|byte| *byte == 0).filter(|one| !one.is_empty()) {
        let at = one
            .iter()
            .position(|byte| *byte == b'=')
            .unwrap_or(one.len());
        let text = |bytes: &[u8]| escape(std::ffi::OsStr::from_bytes(bytes));
        let value = one.get(at + 1..).unwrap_or_default();
        seen.add(format!("variable {}", text(&one[..at])), text(value));
    }
}

fn processes(seen: &mut Seen) {
    let own = std::process::id();
    let pids = match inside::pids() {
        Ok(pids) => pids,
        Err(error) => return seen.add("processes", error.to_string()),
    };
    for pid in pids {
        let name = if pid == own {
            "process of the sweep".to_owned()
        } else {
            format!("process {pid}")
        };
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<String> = words
            .split(|byte| *byte == 0)
            .filter(|word| !word.is_empty())
            .map(|word| Text::from(std::ffi::OsStr::from_bytes(word)).to_string())
            .collect();
        seen.add(name, words.join(" "));
    }
}

fn status(seen: &mut Seen, who: &str, pid: &str) {
    let status = line(&format!("/proc/{pid}/status"));
    let fields = status.lines().filter_map(|line| line.split_once(':'));
    for (name, value) in fields.filter(|(name, _)| STATUS.contains(name)) {
        let value: Vec<&str> = value.split_ascii_whitespace().collect();
        seen.add(format!("{name} of {who}"), value.join(" "));
    }
}

/// Who is dumpable belongs to its own user, and shows its links to that user (ptrace(2)). Its files are walked.
fn pid_1(seen: &mut Seen) {
    let owner = fs::metadata("/proc/1/environ").map_or_else(
        |error| error.to_string(),
        |metadata| metadata.uid().to_string(),
    );
    seen.add("owner of PID 1's files", owner);
    for link in ["exe", "cwd", "root"] {
        let target = fs::read_link(format!("/proc/1/{link}"));
        let target = target.map_or_else(
            |error| format!("{:?}", error.kind()),
            |target| escape(target.as_os_str()),
        );
        seen.add(format!("PID 1's link {link}"), target);
    }
}

fn namespaces(seen: &mut Seen) {
    for (name, namespace) in host::namespaces() {
        seen.add(format!("namespace {name}"), namespace);
    }
}

fn cgroups(seen: &mut Seen) {
    for (hierarchy, path) in host::cgroups() {
        seen.add(format!("cgroup {hierarchy}"), path);
    }
}
