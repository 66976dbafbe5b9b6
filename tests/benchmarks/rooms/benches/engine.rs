//! What the sandbox costs: calls of a component beside the same Rust function called natively, and what instances cost.
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::{fs, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use pelton_bench_work::{COPIED_HEADER, enrich};
use pelton_engine::{
    Call, Compiler, Curtail, Engine, EngineSettings, Grants, HandlerEnv, Isolation, Limits,
    Revision,
};
use pelton_types::{Header, Headers, Message, Output, Timestamp, Verdict};
use tokio::runtime::{Builder, Runtime};

const BATCH: usize = 100;
const SIZE: usize = 256;

/// A component as `cargo xtask guests` leaves it.
fn guest(name: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let file = root.join(format!("target/guests/{name}.wasm"));
    match fs::read(&file) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!(
                "{}: {error}; run `cargo xtask guests` first",
                file.display()
            );
            std::process::exit(1);
        }
    }
}

fn env(isolation: Isolation) -> HandlerEnv {
    HandlerEnv {
        name: "measured".to_owned(),
        limits: Limits {
            memory_bytes: 64 << 20,
            table_elements: 100_000,
            time_per_message: Duration::from_secs(5),
            output_messages: 1000,
            output_bytes: 4 << 20,
            host_call_bytes: 64 << 20,
            http_requests: 4,
            http_body_bytes: 64 << 10,
            log_lines: 1000,
            log_line_bytes: 4096,
        },
        grants: Grants::default(),
        isolation,
        settings: Vec::new(),
    }
}

fn settings() -> EngineSettings {
    EngineSettings {
        slots: 8,
        max_memory_bytes: 64 << 20,
        max_table_elements: 100_000,
        stack_bytes: 1 << 20,
        max_component_bytes: 64 << 20,
        compiler: Compiler::InProcess,
    }
}

/// Orders of 256 B with two headers.
fn messages() -> Vec<Message> {
    let topic: Arc<str> = "orders".into();
    let header = |name: &'static str, value: &'static str| Header {
        name: name.into(),
        value: Some(Bytes::from_static(value.as_bytes())),
    };
    let message = |n: usize| {
        let order = format!(
            r#"{{"orderId":"order-{n:08}","customer":"customer-{n}","status":"paid","amount":19.99,"currency":"EUR","items":[{{"sku":"SKU-00001","quantity":2,"price":7.25}}],"note":""#
        );
        let note = ".".repeat(SIZE - order.len() - 2);
        Message {
            topic: topic.clone(),
            partition: 3,
            offset: n as i64,
            timestamp: Timestamp::CreateTime(1_700_000_000_000),
            key: Some(Bytes::from(format!("customer-{n}"))),
            value: Some(Bytes::from(format!(r#"{order}{note}"}}"#))),
            headers: Headers::from([
                header(COPIED_HEADER, "0123456789abcdef"),
                header("content-type", "application/json"),
            ]),
        }
    };
    (0..BATCH).map(message).collect()
}

/// Calls with these messages; every one of them must be done.
fn call(runtime: &Runtime, revision: &Revision, messages: &[(&Message, u32)], fresh: bool) {
    let curtail = Curtail::new();
    let call = Call {
        messages,
        fresh,
        curtail: &curtail,
    };
    let answer = runtime.block_on(revision.call(call));
    let done = |verdict: &Verdict| matches!(verdict, Verdict::Done { .. });
    assert!(answer.outcomes.iter().all(|outcome| done(&outcome.verdict)));
}

/// What `enrich` comes to without a sandbox: the same function, and outputs of the same kind.
fn natively(messages: &[Message]) -> Vec<Output> {
    let made = |message: &Message| {
        let mut value = Vec::new();
        let kept = enrich(message.value.as_deref()?, &mut value).ok()?;
        let headers = message.headers.iter();
        kept.then(|| Output {
            key: message.key.clone(),
            value: Some(value.into()),
            headers: headers.take(1).collect(),
            ..Output::default()
        })
    };
    messages.iter().filter_map(made).collect()
}

fn calls(criterion: &mut Criterion) {
    let Ok(runtime) = Builder::new_current_thread().enable_time().build() else {
        return;
    };
    let Ok(engine) = Engine::new(&settings()) else {
        return;
    };
    let messages = messages();
    let attempts: Vec<(&Message, u32)> = messages.iter().map(|message| (message, 1)).collect();
    let mut group = criterion.benchmark_group("engine");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("enrich natively, 100", |bencher| {
        bencher.iter(|| natively(&messages));
    });
    for name in [
        "bench_enrich",
        "passthrough",
        "bench_simple_enrich",
        "bench_simple_passthrough",
    ] {
        let Ok(revision) = engine.load(&guest(name), &env(Isolation::Instance)) else {
            continue;
        };
        group.throughput(Throughput::Elements(BATCH as u64));
        group.bench_function(format!("{name}, batch of 100"), |bencher| {
            bencher.iter(|| call(&runtime, &revision, &attempts, false));
        });
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("{name}, call of one"), |bencher| {
            bencher.iter(|| call(&runtime, &revision, &attempts[..1], false));
        });
    }
    let loaded = |isolation| engine.load(&guest("bench_enrich"), &env(isolation));
    if let Ok(revision) = loaded(Isolation::Instance) {
        group.bench_function("call of one on a fresh instance", |bencher| {
            bencher.iter(|| call(&runtime, &revision, &attempts[..1], true));
        });
    }
    if let Ok(revision) = loaded(Isolation::Message) {
        group.bench_function("call of one with isolation by message", |bencher| {
            bencher.iter(|| call(&runtime, &revision, &attempts[..1], false));
        });
    }
    group.finish();
    swaps(criterion, &engine, &runtime, &attempts);
}

/// A file becomes a revision that has answered: compiled, or still known to the engine.
fn swaps(
    criterion: &mut Criterion,
    engine: &Engine,
    runtime: &Runtime,
    attempts: &[(&Message, u32)],
) {
    let bytes = guest("bench_enrich");
    let mut group = criterion.benchmark_group("swap");
    group.sample_size(10);
    let mut count = 0_u32;
    group.bench_function("compile, load, answer", |bencher| {
        // Another custom section at the end makes it another file.
        let another = || {
            count += 1;
            let section = [&[0, 6, 1, b'n'][..], &count.to_le_bytes()].concat();
            [bytes.as_slice(), &section].concat()
        };
        bencher.iter_batched(
            another,
            |bytes| {
                if let Ok(revision) = engine.load(&bytes, &env(Isolation::Instance)) {
                    call(runtime, &revision, &attempts[..1], false);
                }
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(all, calls);
criterion_main!(all);
