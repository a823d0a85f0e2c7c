//! Keys of the caller's session keyring are inherited by every child, through all namespaces (M-08).   (threats: PROC-09)
use keyutils::keytypes::User;
use keyutils::{Keyring, SpecialKeyring};

use crate::harness::bait::KEY;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it read a key of the caller's session keyring?",
    threats: &["PROC-09"],
    behind: &[Guard::FreshKeyring, Guard::KeyringCalls],
    harmless: true,
    walls: true,
    also_as_root: true,
    needs: &[Need::Keyrings],
    expect: Expect::Refused(Errno::EPERM),
    attempt: |bait| {
        let key = Keyring::attach(SpecialKeyring::Session)
            .and_then(|keyring| keyring.search_for_key::<User, _, _>(KEY, None))
            .and_then(|key| key.read());
        let act = match key {
            Ok(secret) if bait.canaries_in(&secret) > 0 => Act::Reached,
            Ok(_) => Act::Broken("the key holds something else".into()),
            Err(error) => Act::errno(Errno::from_raw(error.0)),
        };
        Seen::one("keyctl(2)", act)
    },
    ..Probe::USUAL
};
