//! Guests that hoard what the host keeps for them, of WASI and of its HTTP, and wait for what never comes.

use crate::{
    entry::{Entry, entry},
    floods::times,
    guest::wat,
};

/// A pollable of the clock that is ready in an hour.
const IN_AN_HOUR: &str = "(call $subscribe (i64.const 3600000000000))";

/// A packed handler that does this, and answers nothing.
fn guest(body: &str) -> Vec<u8> {
    let http = body.contains("$fields") || body.contains("$append");
    let text = include_str!("wasi.wat").replace("BODY", body);
    let mut text = text.as_str();
    let mut kept = String::new();
    // Who imports nothing of HTTP is linked without.
    while let Some((before, rest)) = text.split_once(";; HTTP") {
        let (part, after) = rest.split_once(";; END").unwrap();
        kept.push_str(before);
        kept.push_str(if http { part } else { "" });
        text = after;
    }
    wat(&(kept + text))
}

/// So many pollables, their handles at 4096.
fn pollables(count: u32) -> String {
    let at = "(i32.add (i32.const 4092) (i32.mul (local.get $i) (i32.const 4)))";
    times(count, &format!("(i32.store {at} {IN_AN_HOUR})"))
}

fn poll(at: u32, count: u32) -> String {
    format!("(call $poll (i32.const {at}) (i32.const {count}) (i32.const 512))")
}

pub fn entries() -> Vec<Entry> {
    let append = "(call $append (local.get $f) (i32.const 1024) (i32.const 1) (i32.const 1024) (i32.const 60) (i32.const 512))";
    let fields = "(local.set $f (call $fields))";
    vec![
        entry(
            "10,000 pollables that nobody drops",
            guest(&times(10_000, &format!("(drop {IN_AN_HOUR})"))),
            "failed trap",
            "",
        ),
        entry(
            "5,000 pollables, each dropped",
            guest(&times(5000, &format!("(call $drop {IN_AN_HOUR})"))),
            "failed contract",
            "",
        ),
        entry(
            "a wait for 400 pollables that are never ready",
            guest(&(pollables(400) + &poll(4096, 400))),
            "failed time-limit",
            "waiting for the host",
        ),
        entry(
            "a wait for nothing",
            guest(&poll(4096, 0)),
            "failed trap",
            "",
        ),
        entry(
            "a wait for pollables that are none",
            guest(&poll(8192, 1000)),
            "failed trap",
            "",
        ),
        entry(
            "a list of pollables beyond the memory",
            guest(&poll(4096, 1 << 30)),
            "failed trap",
            "",
        ),
        entry(
            "10,000 heads of requests that nobody drops",
            guest(&times(10_000, "(drop (call $fields))")),
            "failed trap",
            "",
        )
        .with_http(),
        entry(
            "a head of 100,000 headers",
            guest(&format!("{fields} {}", times(100_000, append))),
            "failed trap",
            "",
        )
        .with_http(),
        entry(
            "a header of a head that is none",
            guest(&format!("(local.set $f (i32.const 7)) {append}")),
            "failed trap",
            "",
        )
        .with_http(),
    ]
}
