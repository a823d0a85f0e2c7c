//! The user keyring is one for all processes of a user. By its serial number, which /proc/keys tells or which can be
//! guessed, it is linked from any namespace, and then its keys can be read.   (threats: PROC-08, PROC-09, PROC-10)
use nix::libc;

use crate::harness::bait::KEY;
use crate::harness::inside::{self, address, system_call};
use crate::probe::*;

const LINK: i64 = 8;
const SEARCH: i64 = 10;
const READ: i64 = 11;
const OWN_PROCESS_KEYRING: i64 = -2;

pub const PROBE: Probe = Probe {
    asks: "can it reach the keys of its user on the host?",
    threats: &["PROC-08", "PROC-09", "PROC-10"],
    behind: &[Guard::KeyringCalls],
    harmless: true,
    needs: &[Need::Keyrings],
    expect: Expect::Exactly(|_| {
        let denied = || Act::errno(Errno::EPERM);
        Seen::one("link the user keyring", denied())
            .and("search it", denied())
            .and("read the key", denied())
            .and("add_key(2)", denied())
            .and("request_key(2)", denied())
            .and("/proc/keys", Act::errno(Errno::EACCES))
            .and("/proc/key-users", Act::errno(Errno::EACCES))
    }),
    attempt: |bait| {
        let ring = i64::from(bait.neighbour.user_keyring);
        let kind = inside::c_path("user");
        let name = inside::c_path(KEY);
        let (kind, name) = (address(&kind), address(&name));
        let keyctl =
            |operation, a, b, c, d| system_call(libc::SYS_keyctl, [operation, a, b, c, d, 0]);
        let link = keyctl(LINK, ring, OWN_PROCESS_KEYRING, 0, 0);
        let search = keyctl(SEARCH, ring, kind, name, 0);
        // SAFETY: the strings live until the end of this function.
        let key = unsafe { libc::syscall(libc::SYS_keyctl, SEARCH, ring, kind, name, 0) };
        let mut secret = [0_u8; 64];
        let read = keyctl(READ, key, secret.as_mut_ptr() as i64, 64, 0);
        let read = match read {
            Act::Reached if bait.canaries_in(&secret) == 0 => {
                Act::Broken("the key holds something else".into())
            }
            other => other,
        };
        Seen::one("link the user keyring", link)
            .and("search it", search)
            .and("read the key", read)
            .and(
                "add_key(2)",
                system_call(
                    libc::SYS_add_key,
                    [kind, name, name, 1, OWN_PROCESS_KEYRING, 0],
                ),
            )
            .and(
                "request_key(2)",
                system_call(libc::SYS_request_key, [kind, name, 0, 0, 0, 0]),
            )
            .and("/proc/keys", inside::read("/proc/keys".as_ref()))
            .and("/proc/key-users", inside::read("/proc/key-users".as_ref()))
    },
    also_as_root: true,
    ..Probe::USUAL
};
