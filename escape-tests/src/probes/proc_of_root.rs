//! Files of /proc that only root may read by their mode tell the layout of the kernel's memory and the state of each page,
//! which is what an attack by Rowhammer begins with; others hold a key, or tell when one is struck. To the kernel, who uid 0
//! started is root.   (threats: PROC-08)
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::probe::*;

const FILES: [&str; 11] = [
    KMSG,
    "/proc/kpageflags",
    "/proc/kpagecount",
    "/proc/kpagecgroup",
    "/proc/slabinfo",
    "/proc/vmallocinfo",
    "/proc/timer_list",
    "/proc/pagetypeinfo",
    "/proc/kcore",
    "/proc/sys/net/ipv4/tcp_fastopen_key",
    "/proc/tty/driver/serial",
];

/// Who may open it may read it, and what is read there is gone for everyone else (syslog(2)): it is not read.
const KMSG: &str = "/proc/kmsg";

/// What cannot even be looked for may be there.
fn there() -> impl Iterator<Item = &'static str> {
    FILES
        .into_iter()
        .filter(|path| Path::new(path).try_exists().unwrap_or(true))
}

pub const PROBE: Probe = Probe {
    asks: "can it read files of /proc that are for root alone?",
    threats: &["PROC-08"],
    behind: &[Guard::ProcReadOnly],
    harmless: true,
    also_as_root: true,
    expect: Expect::Exactly(|_| Seen::each(there(), |_| Act::saw("nothing"))),
    attempt: |_| {
        Seen::each(there(), |path| {
            let mut bytes = [0; 8];
            let opened = File::open(path);
            match opened.and_then(|mut file| {
                if *path == KMSG {
                    Ok(1)
                } else {
                    file.read(&mut bytes)
                }
            }) {
                Ok(0) => Act::saw("nothing"),
                Ok(_) => Act::Reached,
                // EACCES by its mode or by a cover that is a device; EPERM for want of a capability.
                Err(error)
                    if matches!(
                        error.raw_os_error().map(Errno::from_raw),
                        Some(Errno::EACCES | Errno::EPERM)
                    ) =>
                {
                    Act::saw("nothing")
                }
                Err(error) => Act::of::<()>(Err(error)),
            }
        })
    },
    ..Probe::USUAL
};
