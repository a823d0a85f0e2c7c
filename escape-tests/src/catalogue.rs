//! Owns the catalogue of threats: the rows that there are, and where each is tried. A probe names its rows itself; what is tried
//! elsewhere, and what is accepted, stands here with its reason (META-09). Tests hold the three together: each row is in one of
//! them.

/// The rows of each family, by number. What is missing from a sequence was never a row.
pub const FAMILIES: &[(&str, &[u8])] = &[
    ("ENV", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
    (
        "FS",
        &[
            1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 18, 19, 20,
        ],
    ),
    ("MNT", &[1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17]),
    (
        "PER",
        &[
            1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
        ],
    ),
    (
        "CFG",
        &[
            1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20,
        ],
    ),
    (
        "CRED",
        &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17],
    ),
    (
        "SOCK",
        &[
            1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 20,
        ],
    ),
    ("NIX", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]),
    (
        "PROC",
        &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17],
    ),
    (
        "KRN",
        &[
            1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
        ],
    ),
    ("TTY", &[1, 2, 3, 4, 5, 6, 8, 9, 10]),
    (
        "NET",
        &[
            1, 2, 3, 4, 5, 6, 7, 8, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 36,
            37, 38, 39, 40, 41, 43, 44, 45, 46, 47, 48,
        ],
    ),
    ("RES", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13]),
    ("META", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
];

/// Every row, by id.
pub fn rows() -> impl Iterator<Item = String> {
    let of = |(family, numbers): &(&str, &'static [u8])| {
        let family = (*family).to_owned();
        numbers
            .iter()
            .map(move |number| format!("{family}-{number:02}"))
    };
    FAMILIES.iter().flat_map(of)
}

/// Rows that no probe can try from inside, by the test that does: its file, from the root of the workspace, and its name.
pub const ELSEWHERE: &[(&str, &str, &str)] = &[
    (
        "CFG-02",
        "launcher/src/envfile.rs",
        "the_format_is_taken_literally",
    ),
    (
        "CFG-05",
        "launcher/tests/bad_input/profiles.rs",
        "a_broken_profile_is_named_by_line_column_and_the_nearest_key",
    ),
    (
        "CFG-06",
        "launcher/tests/bad_input/profiles.rs",
        "a_profile_name_stays_in_its_folder",
    ),
    (
        "CFG-07",
        "launcher/tests/bad_input/profiles.rs",
        "nothing_but_a_leading_tilde_is_expanded",
    ),
    (
        "CFG-11",
        "escape-tests/tests/mutation/lies.rs",
        "that do nothing of what it should (CFG-11)",
    ),
    ("CFG-12", "escape-tests/tests/mutation.rs", "lying_bwrap"),
    (
        "CFG-15",
        "escape-tests/tests/sweep.rs",
        "compared with the plan that is printed",
    ),
    (
        "CFG-20",
        "launcher/tests/bad_input/profiles.rs",
        "a_broken_profile_is_named_by_line_column_and_the_nearest_key",
    ),
    (
        "FS-13",
        "launcher/tests/command_line/places.rs",
        "a_folder_of_secrets_or_of_the_system_is_no_project",
    ),
    (
        "FS-18",
        "launcher/tests/golden.rs",
        "every_plan_keeps_the_laws",
    ),
    (
        "KRN-18",
        "launcher/tests/command_line/status.rs",
        "where_user_namespaces_are_off_it_is_125_with_the_fix",
    ),
    (
        "MNT-07",
        "launcher/tests/golden.rs",
        "every_refusal_has_a_case",
    ),
    (
        "MNT-08",
        "launcher/tests/bad_input/places.rs",
        "what_is_no_file_and_no_folder_cannot_be_granted",
    ),
    (
        "NIX-02",
        "escape-tests/tests/nix_hosts.rs",
        "whom the daemon trusts (threats: NIX-02)",
    ),
    (
        "NIX-08",
        "escape-tests/tests/nix_hosts.rs",
        "as the audit says (threats: NIX-08)",
    ),
    ("PROC-16", "fuzz/fuzz_targets/text_escape.rs", "escape"),
    (
        "RES-09",
        "launcher/tests/command_line/streams.rs",
        "a_flood_takes_no_memory",
    ),
    ("TTY-09", "escape-tests/tests/probes.rs", "on_terminal"),
    (
        "TTY-10",
        "escape-tests/tests/terminal/jobs.rs",
        "ctrl_z_stops_all_of_it_and_fg_continues",
    ),
    (
        "META-01",
        "escape-tests/tests/probes/self_tests.rs",
        "a_launcher_that_says_nothing_fails",
    ),
    (
        "META-02",
        "escape-tests/tests/probes/table.rs",
        "skipped {times} times",
    ),
    ("META-03", "escape-tests/tests/mutation.rs", "META-03"),
    ("META-04", "escape-tests/tests/probes.rs", "fn trials_of"),
    (
        "META-05",
        "escape-tests/tests/probes/self_tests.rs",
        "bait_that_is_not_reachable_fails",
    ),
    (
        "META-06",
        "escape-tests/tests/probes/self_tests.rs",
        "damage_fails",
    ),
    (
        "META-07",
        "escape-tests/tests/probes/self_tests.rs",
        "a_hang_fails",
    ),
    (
        "META-08",
        "escape-tests/tests/probes/registry.rs",
        "every_driver_is_used",
    ),
    (
        "META-09",
        "escape-tests/tests/probes/registry.rs",
        "every_row_of_the_catalogue_is_somewhere",
    ),
    (
        "META-10",
        "escape-tests/src/probes/socket_families.rs",
        "never connected",
    ),
];

/// What is accepted, and why. The threat model says the same to people.
pub const ACCEPTED: &[(&str, &str)] = &[
    (
        "CRED-17",
        "a token that the agent needs is in the agent's hands; where there is a network it can be sent away",
    ),
    (
        "NET-44",
        "where the internet is reachable, what the session can read can be sent there, by names or by HTTPS",
    ),
    (
        "PROC-14",
        "supplementary groups stay in force on what is shown: only root can drop them; the audit names them",
    ),
    (
        "RES-04",
        "the project is the user's own file system: a session can fill it as any program of the user can",
    ),
    (
        "TTY-05",
        "what a program writes to the terminal reaches the user's terminal as it is: a filter would break the agent's screen",
    ),
];
