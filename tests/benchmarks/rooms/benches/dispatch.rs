//! How many messages a partition's machine decides in a second.
#![allow(missing_docs, reason = "criterion's macros make public items")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pelton_bench_counted::dispatch;

const MESSAGES: u32 = 51_200;

fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dispatch");
    group.throughput(Throughput::Elements(u64::from(MESSAGES)));
    group.bench_function("partition order, no failures", |bencher| {
        bencher.iter(|| dispatch::partition(MESSAGES));
    });
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
