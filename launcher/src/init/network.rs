//! Owns waiting for the network: the helper sets its device up while bwrap builds, and nothing starts before it is there.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::helper::Families;

/// How long a helper may take. pasta takes some 100 ms.
const LIMIT: Duration = Duration::from_millis(3500);

/// The flag of an address whose uniqueness is not yet known (if_addr.h, `IFA_F_TENTATIVE`).
const TENTATIVE: u8 = 0x40;

/// Until `device` has a default route of each family.
pub(super) fn wait(device: &str, families: Families) -> Result<(), String> {
    let deadline = Instant::now() + LIMIT;
    loop {
        if (!families.four || has_four(device)) && (!families.six || has_six(device)) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("{device} had no default route within {LIMIT:?}"));
        }
        sleep(Duration::from_millis(1));
    }
}

/// `/proc/net/route` (proc(5)): device, destination, …, mask last but three.
fn has_four(device: &str) -> bool {
    let table = fs::read_to_string("/proc/self/net/route").unwrap_or_default();
    table.lines().any(|line| {
        let mut fields = line.split_whitespace();
        fields.next() == Some(device) && fields.next() == Some("00000000")
    })
}

/// `/proc/net/ipv6_route`: destination and its length first, the device last; `/proc/net/if_inet6`: flags before the device.
fn has_six(device: &str) -> bool {
    let table = fs::read_to_string("/proc/self/net/ipv6_route").unwrap_or_default();
    let everywhere = format!("{} 00 ", "0".repeat(32));
    let routed = table.lines().any(|line| {
        line.starts_with(&everywhere) && line.split_whitespace().last() == Some(device)
    });
    let addresses = fs::read_to_string("/proc/self/net/if_inet6").unwrap_or_default();
    let mut flags = addresses.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        (fields.get(5) == Some(&device)).then(|| u8::from_str_radix(fields.get(4)?, 16).ok())?
    });
    routed && flags.all(|flags| flags & TENTATIVE == 0)
}
