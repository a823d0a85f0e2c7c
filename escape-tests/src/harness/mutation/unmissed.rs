//! Owns the tables of mutations that no probe misses, or not alone, or not under everybody: each with the reason.

use claudebox::cli::Tier;

/// A step before which other walls stand: alone it is not missed. Without those as well, an attack behind its own guard must
/// reach something, and with it alone none may.
#[derive(Debug, Clone, Copy)]
pub struct LastWall {
    /// The name of the mutation.
    pub name: &'static str,
    /// Whether that is so only where uid 0 starts the launcher.
    pub only_as_root: bool,
    /// The tiers on which it is so.
    pub tiers: &'static [Tier],
    /// The names of the mutations that take the other walls away.
    pub behind: &'static [&'static str],
    /// Why it is not missed alone.
    pub why: &'static str,
}

/// Every such step. One that is missed alone does not belong here: that is a failure as well.
pub const LAST_WALLS: &[LastWall] = &[
    LastWall {
        name: "without a new keyring",
        only_as_root: false,
        tiers: &[Tier::None, Tier::Full],
        behind: &["without denied calls Keyrings"],
        why: "no call reaches any keyring, and /proc/keys is covered",
    },
    LastWall {
        name: "without the scope of signals",
        only_as_root: false,
        tiers: &[Tier::None, Tier::Full],
        behind: &["without an own process group"],
        why: "other processes have no number inside, and none shares the group",
    },
    LastWall {
        name: "without the scope of abstract sockets",
        only_as_root: false,
        tiers: &[Tier::None],
        behind: &["without the network namespace"],
        why: "another network namespace has other abstract sockets",
    },
    LastWall {
        name: "without disabling user namespaces",
        only_as_root: false,
        tiers: &[Tier::None, Tier::Full],
        behind: &["without denied calls Namespaces"],
        why: "no call makes a user namespace, by the filter",
    },
    LastWall {
        name: "without cover /proc/kmsg",
        only_as_root: true,
        tiers: &[Tier::None, Tier::Full],
        behind: &[
            "without the user namespace",
            "without the uid",
            "without disabling user namespaces",
            "without dropping capabilities",
        ],
        why: "the kernel asks for CAP_SYSLOG, of uid 0 too (syslog(2))",
    },
];

/// The entry for the mutation `name`, if other walls stand before it on `tier` where `uid` starts the launcher.
#[must_use]
pub fn last_wall(name: &str, tier: Tier, uid: u32) -> Option<&'static LastWall> {
    LAST_WALLS.iter().find(|one| {
        one.name == name && one.tiers.contains(&tier) && (uid == 0 || !one.only_as_root)
    })
}

/// What no attack of one session need miss on `inet`: what shows it instead, or why nothing can. Which of the helper's options are
/// missed is a matter of its version.
pub const UNMISSED: &[(&str, &str)] = &[
    (
        "without following the network",
        "a network that stays as it is: tests/network/drivers.rs changes one, with this step and without",
    ),
    (
        "without file /etc/nsswitch.conf",
        "the C library asks the resolver without it too; on `none` it is missed",
    ),
    (
        "without option of the helper --netmask 24",
        "it is that of the class of 192.0.2.0 anyway (RFC 791, 3.2)",
    ),
    (
        "without option of the helper --netns-only",
        "a network namespace that is given by a path brings no user namespace with it (pasta(1))",
    ),
    (
        "without option of the helper --no-netns-quit",
        "the path of the namespace stays as long as the helper does",
    ),
    (
        "without option of the helper --stderr",
        "it is about how an error is told: tests/network/broken.rs",
    ),
    (
        "without option of the helper --no-map-gw",
        "behind the fence; tests/network/helpers.rs tries the router without one",
    ),
    (
        "without option of the helper --map-host-loopback none",
        "behind the fence; tests/network/helpers.rs tries the router without one",
    ),
    (
        "without option of the helper --map-guest-addr none",
        "behind the fence, and no address stands for the guest unless one is named (pasta(1))",
    ),
    (
        "without option of the helper --no-dhcp",
        "the fence lets no question out, and nobody inside listens for an answer",
    ),
    (
        "without option of the helper --no-dhcpv6",
        "the fence lets no question out, and nobody inside listens for an answer",
    ),
    (
        "without option of the helper --no-ra",
        "the kernel inside takes no advertisement (accept_ra)",
    ),
    (
        "without option of the helper --tcp-ports none",
        "pasta of 2023 opens no port inwards where it opens none outwards; behind newer ones tests/network/helpers.rs misses it",
    ),
    (
        "without option of the helper --udp-ports none",
        "pasta of 2023 opens no port inwards where it opens none outwards; behind newer ones tests/network/helpers.rs misses it",
    ),
];

/// Why no probe misses the mutation `name`, if it is one of [`UNMISSED`].
#[must_use]
pub fn unmissed(name: &str) -> Option<&'static str> {
    let entry = UNMISSED.iter().find(|(known, _)| *known == name);
    entry.map(|(_, why)| *why)
}

/// What bwrap does for an ordinary user whether it is asked or not: missed where uid 0 starts the launcher, and there alone.
pub const MISSED_AS_ROOT: &[(&str, &str)] = &[
    (
        "without dropping capabilities",
        "started by an ordinary user, bwrap drops every capability whether it is asked or not",
    ),
    (
        "without flag --cap-drop",
        "started by an ordinary user, bwrap drops every capability whether it is asked or not",
    ),
    (
        "without flag --uid",
        "bwrap maps an ordinary user's own uid where it is not told another, and that is the same",
    ),
    (
        "without flag --gid",
        "bwrap maps an ordinary user's own gid where it is not told another, and that is the same",
    ),
    (
        "without the uid",
        "bwrap maps an ordinary user's own uid and gid where it is not told others, and those are the same",
    ),
];

/// Why the mutation `name` is not missed where `uid` starts the launcher, if it is one of [`MISSED_AS_ROOT`].
#[must_use]
pub fn missed_as_root(name: &str, uid: u32) -> Option<&'static str> {
    let entry = MISSED_AS_ROOT.iter().find(|(known, _)| *known == name);
    entry.filter(|_| uid != 0).map(|(_, why)| *why)
}
