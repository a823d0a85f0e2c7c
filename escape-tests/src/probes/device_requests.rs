//! ioctl(2) asks a driver for whatever it knows, by a descriptor that may be read-only. Terminals alone have a use for it; to every
//! other device that is opened inside Landlock answers before the driver does.   (threats: KRN-13, KRN-17)
use std::fs::File;
use std::os::fd::AsRawFd;

use nix::libc;

use crate::harness::inside::system_call;
use crate::probe::*;

/// Each with a request that changes nothing: the size of a terminal, and how much randomness there is (random(4)).
const DEVICES: [(&str, i64); 5] = [
    ("/dev/full", libc::TIOCGWINSZ as i64),
    ("/dev/null", libc::TIOCGWINSZ as i64),
    ("/dev/random", 0x8004_5200),
    ("/dev/urandom", 0x8004_5200),
    ("/dev/zero", libc::TIOCGWINSZ as i64),
];

pub const PROBE: Probe = Probe {
    asks: "does the driver of a device that is no terminal answer a request?",
    threats: &["KRN-13", "KRN-17"],
    behind: &[Guard::LandlockDevices],
    needs: &[Need::LandlockFence],
    harmless: true,
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::each(DEVICES.map(|(device, _)| device), |_| {
            Act::errno(Errno::EACCES)
        })
    }),
    attempt: |_| {
        let mut seen = Seen::default();
        for (device, request) in DEVICES {
            let mut answer = [0_u64; 8];
            let act = match File::open(device) {
                Ok(file) => {
                    let file = i64::from(file.as_raw_fd());
                    let answer = (&raw mut answer) as i64;
                    system_call(libc::SYS_ioctl, [file, request, answer, 0, 0, 0])
                }
                Err(error) => Act::Broken(error.to_string()),
            };
            let act = match act {
                denied @ Act::Refused(number) if number == libc::EACCES => denied,
                other => Act::saw(format!("the driver answered: {other}")),
            };
            seen.add(device, act);
        }
        seen
    },
    ..Probe::USUAL
};
