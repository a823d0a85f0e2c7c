//! A flake of the project brings settings of Nix along, and `.envrc` has direnv evaluate it when the user enters the folder.
//!   (threats: NIX-14)
use std::fs;

use crate::probe::*;

const LEFT: [(&str, &str); 3] = [
    (
        "flake.nix",
        "{ nixConfig.post-build-hook = \"./hook\"; outputs = _: { }; }\n",
    ),
    (".envrc", "use flake\n"),
    ("shell.nix", "import ./hook.nix\n"),
];

pub const PROBE: Probe = Probe {
    asks: "does it leave a flake behind that the host acts on, unsaid?",
    threats: &["NIX-14"],
    reported: &["flake.nix", ".envrc", "shell.nix"],
    expect: Expect::Reached,
    attempt: |bait| {
        Seen::each(LEFT.map(|(file, _)| file), |file| {
            let text = LEFT.iter().find(|(name, _)| name == file);
            let text = text.map_or("", |(_, text)| text);
            Act::of(fs::write(bait.project.join(file), text))
        })
    },
    harmed: |bait| {
        let mut left = LEFT.iter();
        left.find_map(|(file, _)| bait.there(&bait.project.join(file)))
    },
    ..Probe::USUAL
};
