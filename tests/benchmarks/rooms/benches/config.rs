//! Reading the configuration with every key there is, and one of a hundred handlers.
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};

const SHIPPED: &str = include_str!("../../../../config/pelton.toml");

fn hundred() -> String {
    let handler = |n| {
        format!(
            "[handlers.h{n}]\ncomponent = \"h.wasm\"\ntopics = [\"in-{n}\"]\noutputs = [\"out-{n}\"]\n"
        )
    };
    let handlers: String = (0..100).map(handler).collect();
    format!("[clusters.default]\nbootstrap-servers = [\"localhost:9092\"]\n{handlers}")
}

fn benches(criterion: &mut Criterion) {
    let variable = |_: &str| Some("value".to_owned());
    let mut group = criterion.benchmark_group("config");
    for (name, text) in [
        ("shipped", SHIPPED.to_owned()),
        ("a hundred handlers", hundred()),
    ] {
        let parse = || pelton_config::parse(&text, Path::new("pelton.toml"), &variable);
        assert!(parse().is_ok(), "{name} should be read");
        group.bench_function(name, |bencher| bencher.iter(parse));
    }
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
