//! Guests that never return, wherever the host calls them.

use crate::{
    entry::{Entry, entry},
    guest::{LOOP, packed, simple},
};

pub fn entries() -> Vec<Entry> {
    let in_trial = "trial time-limit";
    let mut entries = vec![
        entry(
            "loop in setup",
            packed().setup(&format!("{LOOP} (unreachable)")).module(),
            in_trial,
            "ran longer than 50ms",
        ),
        entry(
            "loop at start",
            packed()
                .with(&format!("(func $begin {LOOP}) (start $begin)"))
                .module(),
            in_trial,
            "ran longer than 50ms",
        ),
        entry(
            "loop in _initialize",
            packed()
                .with(&format!("(func (export \"_initialize\") {LOOP})"))
                .module(),
            in_trial,
            "ran longer than 50ms",
        ),
        entry(
            "loop in the post-return of setup",
            packed()
                .with(&format!(
                    "(func (export \"cabi_post_pelton:handler/lifecycle@0.1.0#setup\") (param i32) {LOOP})"
                ))
                .module(),
            in_trial,
            "ran longer than 50ms",
        ),
    ];
    entries.extend(
        in_calls()
            .into_iter()
            .map(|(name, bytes)| entry(name, bytes, "failed time-limit", "ran longer than 50ms")),
    );
    entries
}

/// Those whose message runs into the time limit.
fn in_calls() -> Vec<(&'static str, Vec<u8>)> {
    let recursion = "(func $round (param i32) (return_call $round (local.get 0)))";
    let indirect = "(table 1 1 funcref) (elem (i32.const 0) $nothing) (func $nothing)";
    let table = "(loop $l (br_table $l $l $l (i32.const 1)))";
    vec![
        ("loop in handle", packed().handle(LOOP).module()),
        (
            "loop in handle, as a component",
            packed().handle(LOOP).component(),
        ),
        (
            "loop in a simple handle",
            simple().handle(&format!("{LOOP} (unreachable)")).module(),
        ),
        (
            "loop in cabi_realloc",
            packed().realloc(&format!("{LOOP} (unreachable)")).module(),
        ),
        (
            "loop in the post-return of handle",
            packed()
                .with(&format!(
                    "(func (export \"cabi_post_pelton:handler/packed-handler@0.1.0#handle\") {LOOP})"
                ))
                .module(),
        ),
        (
            "loop in the post-return of a simple handle",
            simple()
                .with(&format!(
                    "(func (export \"cabi_post_pelton:handler/simple-handler@0.1.0#handle\") (param i32) {LOOP})"
                ))
                .module(),
        ),
        (
            "loop of tail calls",
            packed()
                .with(recursion)
                .handle("(call $round (i32.const 1))")
                .module(),
        ),
        (
            "loop of indirect calls",
            packed()
                .with(indirect)
                .handle("(loop $l (call_indirect (i32.const 0)) (br $l))")
                .module(),
        ),
        ("loop of br_table", packed().handle(table).module()),
        (
            "loop that fills all of its memory",
            packed()
                .pages(200)
                .handle("(loop $l (memory.fill (i32.const 0) (i32.const 7) (i32.const 13107200)) (br $l))")
                .module(),
        ),
        (
            "loop that copies all of its memory",
            packed()
                .pages(200)
                .handle("(loop $l (memory.copy (i32.const 1) (i32.const 0) (i32.const 13107199)) (br $l))")
                .module(),
        ),
        (
            "loop that asks for no more memory",
            packed()
                .handle("(loop $l (drop (memory.grow (i32.const 0))) (br $l))")
                .module(),
        ),
        (
            "loop of batch.next",
            packed()
                .handle("(loop $l (drop (call $next (i32.const 0))) (br $l))")
                .module(),
        ),
        (
            "loop of delivery.attempt",
            packed()
                .handle("(loop $l (drop (call $attempt)) (br $l))")
                .module(),
        ),
        (
            "loop of settings.all",
            packed()
                .handle("(loop $l (global.set $free (i32.const 65536)) (call $all (i32.const 512)) (br $l))")
                .module(),
        ),
        (
            "loop of log lines",
            packed()
                .handle("(loop $l (call $log (i32.const 2) (i32.const 0) (i32.const 100)) (br $l))")
                .module(),
        ),
        (
            "loop of answers",
            packed()
                .handle("(loop $l (call $emit (i32.const 0) (i32.const 65536) (i32.const 0) (i32.const 16384)) (br $l))")
                .module(),
        ),
    ]
}
