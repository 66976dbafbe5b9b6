//! The packed layout, written and read.
#![allow(missing_docs, reason = "criterion's macros make public items")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pelton_bench_counted::codec;

const MESSAGES: u32 = 12_800;

fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec");
    group.throughput(Throughput::Elements(u64::from(MESSAGES)));
    group.bench_function("batch", |bencher| bencher.iter(|| codec::batch(MESSAGES)));
    group.bench_function("answer", |bencher| bencher.iter(|| codec::answer(MESSAGES)));
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
