//! Guests, messages and short ways to call.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use pelton_engine::{
    Call, Compiler, Curtail, Engine, EngineSettings, Grants, HandlerEnv, Isolation, Limits,
    Outcome, Revision,
};
use pelton_types::{FailureKind, Headers, Message, Timestamp, Verdict};
use wit_component::StringEncoding;

pub const SIMPLE: &str = include_str!("simple.wat");
pub const PACKED: &str = include_str!("packed.wat");

/// A core module with component-type information, as wit-bindgen's guests are.
pub fn module(world: &str, text: &str) -> Vec<u8> {
    described(world, wat::parse_str(text).unwrap())
}

/// The same without the names of its functions, as `strip` leaves it.
pub fn stripped(module: &[u8]) -> Vec<u8> {
    let mut kept = module[..8].to_vec();
    for payload in wasmparser::Parser::new(0).parse_all(module) {
        let payload = payload.unwrap();
        let is_names = matches!(&payload, wasmparser::Payload::CustomSection(section) if section.name() == "name");
        if let Some((id, range)) = payload.as_section().filter(|_| !is_names) {
            let mut length = range.len();
            kept.push(id);
            while length >= 0x80 {
                kept.push((length & 0x7F) as u8 | 0x80);
                length >>= 7;
            }
            kept.push(length as u8);
            kept.extend_from_slice(&module[range]);
        }
    }
    kept
}

fn described(world: &str, mut module: Vec<u8>) -> Vec<u8> {
    let mut resolve = wit_parser::Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let (package, _) = resolve.push_dir(wit).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .unwrap();
    module
}

/// The same as a component.
pub fn component(world: &str, text: &str) -> Vec<u8> {
    let module = module(world, text);
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .unwrap()
        .encode()
        .unwrap()
}

pub fn engine(slots: u32) -> Engine {
    Engine::new(&settings(slots)).unwrap()
}

pub fn settings(slots: u32) -> EngineSettings {
    EngineSettings {
        slots,
        max_memory_bytes: 64 << 20,
        max_table_elements: 100_000,
        stack_bytes: 512 << 10,
        max_component_bytes: 1 << 20,
        compiler: Compiler::InProcess,
    }
}

pub fn env() -> HandlerEnv {
    HandlerEnv {
        name: "tested".to_owned(),
        limits: Limits {
            memory_bytes: 16 << 20,
            table_elements: 1000,
            time_per_message: Duration::from_millis(100),
            output_messages: 10,
            output_bytes: 4096,
            host_call_bytes: 16 << 20,
            http_requests: 4,
            http_body_bytes: 64 << 10,
            log_lines: 1000,
            log_line_bytes: 4096,
        },
        grants: Grants::default(),
        isolation: Isolation::Instance,
        settings: Vec::new(),
    }
}

pub fn with_setup(text: &str) -> HandlerEnv {
    HandlerEnv {
        settings: vec![("setup".to_owned(), text.to_owned())],
        ..env()
    }
}

pub fn simple(engine: &Engine) -> Revision {
    engine.load(&module("handler", SIMPLE), &env()).unwrap()
}

pub fn packed(engine: &Engine) -> Revision {
    engine.load(&component("packed", PACKED), &env()).unwrap()
}

/// A message for each text, with a key and the text as its value.
pub fn messages(values: &[&str]) -> Vec<Message> {
    let topic: Arc<str> = "orders".into();
    (100..)
        .zip(values)
        .map(|(offset, value)| Message {
            topic: topic.clone(),
            partition: 3,
            offset,
            timestamp: Timestamp::CreateTime(1_700_000_000_000),
            key: Some(Bytes::from_static(b"key")),
            value: Some(Bytes::copy_from_slice(value.as_bytes())),
            headers: Headers::default(),
        })
        .collect()
}

pub async fn give(revision: &Revision, messages: &[Message], fresh: bool) -> Vec<Outcome> {
    let attempts: Vec<(&Message, u32)> = messages.iter().map(|message| (message, 1)).collect();
    let curtail = Curtail::new();
    revision
        .call(Call {
            messages: &attempts,
            fresh,
            curtail: &curtail,
        })
        .await
        .outcomes
}

/// Calls with these values and returns the verdicts as short words: `done 2`, `trap`, `-`.
pub async fn verdicts(revision: &Revision, values: &[&str]) -> Vec<String> {
    give(revision, &messages(values), false)
        .await
        .iter()
        .map(word)
        .collect()
}

pub fn word(outcome: &Outcome) -> String {
    match &outcome.verdict {
        Verdict::Done { outputs } => {
            assert_eq!(*outputs as usize, outcome.outputs.len());
            format!("done {outputs}")
        }
        Verdict::Failed(failure) => {
            assert!(outcome.outputs.is_empty());
            failure.kind.to_string()
        }
        Verdict::NotAttempted => "-".to_owned(),
    }
}

/// The failure of a call of one message.
pub async fn failure(revision: &Revision, value: &str) -> (FailureKind, String) {
    let outcomes = give(revision, &messages(&[value]), false).await;
    match outcomes.into_iter().next().map(|outcome| outcome.verdict) {
        Some(Verdict::Failed(failure)) => (failure.kind, failure.text),
        other => panic!("{value} should fail, but: {other:?}"),
    }
}

/// The value of the first output of a call of one message.
pub async fn answer(revision: &Revision, value: &str, fresh: bool) -> String {
    let outcomes = give(revision, &messages(&[value]), fresh).await;
    let value = outcomes[0].outputs[0].value.clone().unwrap();
    String::from_utf8(value.to_vec()).unwrap()
}
