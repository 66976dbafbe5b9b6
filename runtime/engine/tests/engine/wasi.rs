//! What standard libraries import for wasm32-wasip2 is there, and empty: nothing of the machine is to be seen.

use std::path::Path;

use pelton_types::FailureKind;
use wit_component::StringEncoding;

use crate::{logging::Written, support::*};

/// A packed handler that answers with one byte, which `body` leaves as a number.
fn asks(body: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
  (import "pelton:handler/batch@0.1.0" "next" (func $next (param i32) (result i32)))
  (import "pelton:handler/batch@0.1.0" "emit" (func $emit (param i32 i32 i32 i32)))
  (import "wasi:cli/environment@0.2.0" "get-environment" (func $environment (param i32)))
  (import "wasi:cli/environment@0.2.0" "get-arguments" (func $arguments (param i32)))
  (import "wasi:cli/environment@0.2.0" "initial-cwd" (func $folder (param i32)))
  (import "wasi:cli/stdin@0.2.0" "get-stdin" (func $stdin (result i32)))
  (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
  (import "wasi:cli/exit@0.2.0" "exit" (func $exit (param i32)))
  (import "wasi:io/streams@0.2.0" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $write (param i32 i32 i32 i32)))
  (import "wasi:clocks/wall-clock@0.2.0" "now" (func $now (param i32)))
  (import "wasi:filesystem/preopens@0.2.0" "get-directories" (func $folders (param i32)))
  (import "wasi:random/random@0.2.0" "get-random-bytes" (func $random (param i64 i32)))
  (import "wasi:sockets/instance-network@0.2.0" "instance-network" (func $network (result i32)))
  (import "wasi:sockets/tcp-create-socket@0.2.0" "create-tcp-socket" (func $tcp (param i32 i32)))
  (import "wasi:sockets/udp-create-socket@0.2.0" "create-udp-socket" (func $udp (param i32 i32)))
  (import "wasi:sockets/ip-name-lookup@0.2.0" "resolve-addresses" (func $resolve (param i32 i32 i32 i32)))
  (memory (export "memory") 8)
  (data (i32.const 16) "localhost")
  (data (i32.const 32) "one line\0ahalf a line")
  ;; One output with a value of one byte.
  (data (i32.const 1024) "\01\00\00\00\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\01\00\00\00")
  (data (i32.const 1048) "\ff\ff\ff\ff\ff\ff\ff\ff\00\00\00\00\00\00\00\00\00\00\00\00")
  (data (i32.const 1068) "\ff\ff\ff\ff\01\00\00\00\00\00\00\00")
  (global $free (mut i32) (i32.const 65536))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (func (export "pelton:handler/packed-handler@0.1.0#handle") (param i32 i32 i32 i32)
    (global.set $free (i32.const 65536))
    (drop (call $next (i32.const 0)))
    (i32.store8 (i32.const 900) (i32.add (i32.const 48) {body}))
    (call $emit (i32.const 900) (i32.const 1) (i32.const 1024) (i32.const 14))))"#
    );
    let mut module = wat::parse_str(text).unwrap();
    let mut resolve = wit_parser::Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    resolve.push_dir(wit).unwrap();
    let package = resolve
        .push_str("wasi.wit", include_str!("wasi.wit"))
        .unwrap();
    let world = resolve.select_world(&[package], Some("guest")).unwrap();
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .unwrap();
    module
}

#[tokio::test]
async fn there_is_nothing_to_see() {
    let engine = engine(1);
    let length = "(i32.load (i32.const 516))";
    let refused = "(i32.load8_u (i32.const 512))";
    let code = "(i32.load8_u (i32.const 516))";
    let at = "(i32.const 512)";
    for (what, body, answer) in [
        (
            "variables",
            format!("(call $environment {at}) {length}"),
            "0",
        ),
        ("arguments", format!("(call $arguments {at}) {length}"), "0"),
        (
            "working folder",
            format!("(call $folder {at}) {refused}"),
            "0",
        ),
        (
            "open folders",
            format!("(call $folders {at}) {length}"),
            "0",
        ),
        (
            "standard input",
            format!("(call $read (call $stdin) (i64.const 10) {at}) {refused}"),
            "1",
        ),
        (
            "standard input's end",
            format!("(call $read (call $stdin) (i64.const 10) {at}) {code}"),
            "1",
        ),
        (
            "a TCP socket",
            format!("(call $tcp (i32.const 0) {at}) {refused}"),
            "1",
        ),
        (
            "a UDP socket",
            format!("(call $udp (i32.const 1) {at}) {refused}"),
            "1",
        ),
        (
            "an address",
            format!("(call $resolve (call $network) (i32.const 16) (i32.const 9) {at}) {refused}"),
            "1",
        ),
        (
            "random bytes",
            format!("(call $random (i64.const 65536) {at}) (i32.eq {length} (i32.const 65536))"),
            "1",
        ),
        (
            "the time",
            format!("(call $now {at}) (i64.gt_u (i64.load {at}) (i64.const 1700000000))"),
            "1",
        ),
    ] {
        let revision = engine.load(&asks(&format!("(block (result i32) {body})")), &env());
        let got = crate::support::answer(&revision.unwrap(), "e", false).await;
        assert_eq!(got, answer, "{what}");
    }
}

#[tokio::test]
async fn exiting_and_asking_for_too_much_are_traps() {
    let engine = engine(1);
    let fails = async |body: &str| {
        let revision = engine.load(&asks(body), &env()).unwrap();
        failure(&revision, "e").await
    };
    let (kind, text) = fails("(block (result i32) (call $exit (i32.const 0)) (i32.const 1))").await;
    assert_eq!(kind, FailureKind::Trap, "{text}");
    let (kind, text) = fails(
        "(block (result i32) (call $random (i64.const 65537) (i32.const 512)) (i32.const 1))",
    )
    .await;
    assert_eq!(kind, FailureKind::Trap);
    assert!(text.contains("exceeds limit 65536"), "{text}");
    // Streams that are never given back.
    let hoards = "(block (result i32) (loop $l (drop (call $stdout)) (br $l)) (i32.const 1))";
    let (kind, text) = fails(hoards).await;
    assert_eq!(kind, FailureKind::Trap, "{text}");
}

#[tokio::test]
async fn what_is_printed_is_in_the_log_with_its_message_also_half_a_line() {
    let written = Written::default();
    let _guard = written.begin();
    let engine = engine(1);
    let prints = "(block (result i32)
        (call $write (call $stdout) (i32.const 32) (i32.const 20) (i32.const 512)) (i32.const 1))";
    let revision = engine.load(&asks(prints), &env()).unwrap();
    assert_eq!(verdicts(&revision, &["e"]).await, ["done 1"]);
    let lines = written.lines();
    for text in ["one line", "half a lin"] {
        let line = lines.iter().find(|line| line.contains(text)).unwrap();
        for part in [
            "INFO",
            "handler=\"tested\"",
            "topic=\"orders\"",
            "offset=100",
        ] {
            assert!(line.contains(part), "{part} is missing in: {line}");
        }
    }
}
