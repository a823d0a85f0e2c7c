//! Owns what a trial knows of the lab of networks: its port there, and what was heard at it. Plain data that travels inside.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::entrance::Resolver;
use super::map::{PUBLIC, Site, parsed};
use super::watch::{Contact, contacts, word};

/// The place of one trial.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ground {
    /// Which resolver the host has.
    pub resolver: Resolver,
    /// Where everyone listens for this trial.
    pub port: u16,
    /// What was heard there, a line each.
    pub heard: PathBuf,
    /// Whether the helper carries IPv6. Where it does not, there is no route for it.
    pub six: bool,
}

impl Ground {
    /// What this trial says in echo requests and in names.
    #[must_use]
    pub fn word(&self) -> String {
        word(self.port)
    }

    /// A name of this trial alone: see [`super::names`].
    #[must_use]
    pub fn name(&self, kind: &str) -> String {
        format!("{kind}.{}.lab.example", self.word())
    }

    /// Whether a packet to there has a route. What stays on the link has one always.
    #[must_use]
    pub fn carries(&self, to: IpAddr) -> bool {
        self.six
            || match to.to_canonical() {
                IpAddr::V4(_) => true,
                IpAddr::V6(six) => {
                    let on_the_link = six.is_unicast_link_local() || six.is_multicast();
                    on_the_link || six.is_loopback() || six.is_unspecified()
                }
            }
    }

    /// Everything that was heard.
    #[must_use]
    pub fn contacts(&self) -> Vec<Contact> {
        contacts(&self.heard)
    }

    /// What was heard elsewhere than at the public addresses. Questions for names that the
    /// resolver of the host hears are none.
    #[must_use]
    pub fn out_of_bounds(&self) -> Vec<String> {
        let public = parsed(&PUBLIC);
        let allowed = |contact: &Contact| {
            let is_public = contact.site == Site::Internet.name() && public.contains(&contact.to);
            let by_resolver = contact.to.to_string() == self.resolver.address();
            is_public || (contact.by == "dns" && by_resolver)
        };
        let contacts = self.contacts().into_iter();
        let out = contacts.filter(|contact| !allowed(contact));
        out.map(|contact| contact.to_string()).collect()
    }

    /// The public addresses at which a connection or a datagram is missing.
    #[must_use]
    pub fn public_that_was_silent(&self) -> Vec<String> {
        let (contacts, internet) = (self.contacts(), Site::Internet.name());
        let carried = parsed(&PUBLIC).into_iter().filter(|to| self.carries(*to));
        let ways = carried.flat_map(|address| ["tcp", "udp"].map(|by| (by, address)));
        let silent = ways.filter(|(by, address)| {
            let mut heard = contacts.iter();
            !heard.any(|one| one.site == internet && one.by == *by && one.to == *address)
        });
        silent
            .map(|(by, address)| format!("{by} {address}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_is_told_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let heard = folder.path().join("heard");
        let ground = Ground {
            resolver: Resolver::Lan,
            port: 20000,
            heard: heard.clone(),
            six: true,
        };
        let all = ground.public_that_was_silent();
        assert_eq!(all.len(), 2 * PUBLIC.len());
        let [one, ..] = PUBLIC;
        let from = "192.168.77.10";
        let lines = [
            format!("internet tcp {one} {from}"),
            format!("lan dns 192.168.77.1 {from}"),
            format!("host dns 127.0.0.53 {from}"),
            // Whoever has a public address on the local network is no internet.
            format!("lan udp {one} {from}"),
            format!("internet icmp 192.0.2.1 {from}"),
        ];
        std::fs::write(&heard, lines.join("\n")).expect("writing");
        assert_eq!(ground.out_of_bounds(), lines[2..]);
        let silent = ground.public_that_was_silent();
        assert!(!silent.contains(&format!("tcp {one}")));
        assert_eq!(silent.len(), all.len() - 1);
    }
}
