# The everyday commands. `just --list` shows them.

# Everything that .ci/run checks before the tests, and the tests.
check: fmt clippy test

# Run claudebox from this tree: `just run check`, `just run exec -y -- id`.
run *ARGS:
    cargo run --quiet --locked -p claudebox -- {{ARGS}}

# `just test` runs all tests, `just test -p escape-tests terminal` some of them.
test *ARGS="--workspace":
    cargo test --locked {{ARGS}}

fmt:
    cargo fmt --all --check
    rustfmt --edition 2024 --check escape-tests/src/probes/*.rs

clippy:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Needs the nightly toolchain and cargo-fuzz: `just fuzz envfile -max_total_time=60`.
fuzz TARGET *ARGS:
    cargo +nightly fuzz run {{TARGET}} -- {{ARGS}}

# Planning, and a whole start beside bare bwrap.
bench *ARGS:
    cargo bench --locked -p benches {{ARGS}}

doc:
    RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps --locked --open

# Licences, sources and duplicates of the dependencies, and known holes in them.
deny:
    cargo deny check
