//! Owns nothing but the list: each file of the folder `probes` is one attack, found when the crate is built.

include!(concat!(env!("OUT_DIR"), "/probes.rs"));
