//! What the pure part of the pipeline costs: resolve, plan, render, on hosts of the tests.
#![allow(
    clippy::disallowed_methods,
    reason = "benches read their inputs; the boundaries are the launcher's"
)]

use std::hint::black_box;
use std::path::Path;

use clap::Parser;
use claudebox::audit::{self, Look};
use claudebox::bwrap::Invocation;
use claudebox::cli::{Args, Entry, Wish};
use claudebox::config::Config;
use claudebox::facts::Facts;
use claudebox::plan::Plan;
use criterion::{Criterion, criterion_group, criterion_main};

fn facts(host: &str) -> Facts {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../launcher/tests/hosts")
        .join(format!("{host}.json"));
    let json = std::fs::read_to_string(&path).expect("a host of the tests");
    serde_json::from_str(&json).expect("a host that is like no other")
}

fn entry(line: &str) -> Entry {
    match Args::parse_from(line.split(' ')).wish() {
        Wish::Enter(entry) => *entry,
        wish => panic!("this does not enter the sandbox: {wish:?}"),
    }
}

fn planning(criterion: &mut Criterion) {
    let facts = facts("debian");
    let entry =
        entry("claudebox run --network none --mount ~/notes:rw --env GH_TOKEN --path-add ~/tools");
    let config = Config::resolve(&entry, &facts).expect("it resolves");
    let plan = Plan::new(&config, &facts).expect("it is planned");
    criterion.bench_function("resolve", |bencher| {
        bencher.iter(|| Config::resolve(black_box(&entry), black_box(&facts)));
    });
    criterion.bench_function("plan", |bencher| {
        bencher.iter(|| Plan::new(black_box(&config), black_box(&facts)));
    });
    criterion.bench_function("invocation", |bencher| {
        bencher.iter(|| Invocation::of(black_box(&plan)));
    });
    let look = Look {
        wrap: true,
        explain: false,
    };
    criterion.bench_function("audit", |bencher| {
        bencher.iter(|| audit::render(black_box(&plan), look));
    });
    criterion.bench_function("json", |bencher| {
        bencher.iter(|| serde_json::to_string(black_box(&plan)));
    });
}

criterion_group!(benches, planning);
criterion_main!(benches);
