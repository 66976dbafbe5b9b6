//! Answers of packed handlers that lie about what they hold.

use crate::{
    entry::{Entry, entry},
    guest::{Guest, NEXT, NULL, SAME, packed},
};

const CONTRACT: &str = "failed contract";
const DONE_ONE: [u32; 6] = [1, 0, 0, 1, 0, 1];

pub fn entries() -> Vec<Entry> {
    let mut entries: Vec<Entry> = lies()
        .into_iter()
        .map(|(name, index, arena, says)| {
            let bytes = packed().answers(&index, arena).module();
            entry(&format!("answer: {name}"), bytes, CONTRACT, says)
        })
        .collect();
    entries.extend(calls());
    entries.extend(large());
    entries
}

/// An answer of one output with these last words: key, value, count of headers and on.
fn output(words: &[u32]) -> Vec<u32> {
    [&DONE_ONE, [NULL, NULL, 0, 0, 0].as_slice(), words].concat()
}

type Lie = (&'static str, Vec<u32>, &'static [u8], &'static str);

fn lies() -> Vec<Lie> {
    let big = 0xFFFF_FFF0;
    let more = "is more than the index holds";
    let not_utf8 = "is not UTF-8";
    vec![
        ("no word", vec![], b"", "the index ends at word 0"),
        (
            "another version",
            vec![99, 0, 0, 0],
            b"",
            "layout version 99",
        ),
        ("reserved flags", vec![1, 4, 0, 0], b"", "reserved flags"),
        ("a count of topics", vec![1, 0, big, 0], b"", more),
        (
            "more verdicts than messages",
            vec![1, 0, 0, 2, 0, 0, 0, 0],
            b"",
            "2 verdicts for 1 messages",
        ),
        ("a count of verdicts", vec![1, 0, 0, 1], b"", more),
        ("a count of outputs", vec![1, 0, 0, 1, 0, big], b"", more),
        (
            "a count of headers",
            output(&[NULL, NULL, 0xFFFF_FFFD]),
            b"",
            more,
        ),
        (
            "a key beyond the arena",
            output(&[1_000_000, NULL, 0]),
            b"short",
            "takes 1000000 bytes",
        ),
        (
            "a value of four gigabytes",
            output(&[NULL, 0xFFFF_FFFD, 0]),
            b"short",
            "takes 4294967293 bytes",
        ),
        (
            "a header beyond the arena",
            output(&[NULL, NULL, 1, 1, big]),
            b"n",
            "takes 4294967280 bytes",
        ),
        (
            "a topic there isn't",
            [&DONE_ONE, [7, NULL, 0, 0, 0, NULL, NULL, 0].as_slice()].concat(),
            b"",
            "7 is no valid topic",
        ),
        (
            "a partition below zero",
            [
                &DONE_ONE,
                [NULL, 0x8000_0000, 0, 0, 0, NULL, NULL, 0].as_slice(),
            ]
            .concat(),
            b"",
            "partition",
        ),
        (
            "a kind of timestamp",
            [&DONE_ONE, [NULL, NULL, 2, 0, 0, NULL, NULL, 0].as_slice()].concat(),
            b"",
            "timestamp",
        ),
        (
            "a kind of verdict",
            vec![1, 0, 0, 1, 99, 0],
            b"",
            "99 is no valid verdict",
        ),
        (
            "a topic that is no text",
            vec![1, 0, 1, 1, 2, 0, 0],
            b"\xFF\xFE",
            not_utf8,
        ),
        (
            "a header name that is no text",
            output(&[NULL, NULL, 1, 2, NULL]),
            b"\xFF\xFE",
            not_utf8,
        ),
        (
            "a reason that is no text",
            vec![1, 0, 0, 1, 3, 2],
            b"\xFF\xFE",
            not_utf8,
        ),
        (
            "a reason beyond the arena",
            vec![1, 0, 0, 1, 2, 400],
            b"x",
            "takes 400 bytes",
        ),
        (
            "words left over",
            vec![1, 0, 0, 1, 0, 0, 7, 7],
            b"",
            "2 words and 0 bytes are left over",
        ),
        (
            "bytes left over",
            vec![1, 0, 0, 1, 0, 0],
            b"bytes",
            "0 words and 5 bytes are left over",
        ),
        ("cut within an output", output(&[NULL]), b"", more),
        (
            "not attempted at all",
            vec![1, 0, 0, 1, 4],
            b"",
            "attempted no message",
        ),
        (
            "nothing said",
            vec![1, 0, 0, 0],
            b"",
            "attempted no message",
        ),
    ]
}

/// Wrong calls around an answer that is right.
fn calls() -> Vec<Entry> {
    let emit = "(call $emit (i32.const 32768) (i32.const 0) (i32.const 1024) (i32.const 6))";
    let done = packed().words(1024, &[1, 0, 0, 1, 0, 0]);
    let does = |body: String| done.clone().handle(&body).module();
    vec![
        entry(
            "answer: none",
            does(NEXT.to_owned()),
            CONTRACT,
            "without calling batch.emit",
        ),
        entry(
            "answer: twice",
            does(format!("{NEXT} {emit} {emit}")),
            CONTRACT,
            "more than once",
        ),
        entry(
            "answer: unasked",
            does(emit.to_owned()),
            CONTRACT,
            "without calling batch.next",
        ),
        entry(
            "answer: next of a message there isn't",
            does(format!("{NEXT} (drop (call $next (i32.const -1))) {emit}")),
            CONTRACT,
            "batch.next(4294967295)",
        ),
        entry(
            "answer: next backwards",
            does(format!("{NEXT} {NEXT} {emit}")),
            CONTRACT,
            "batch.next(0)",
        ),
        entry(
            "answer: an arena beyond the memory",
            does(format!(
                "{NEXT} (call $emit (i32.const 131071) (i32.const 2) (i32.const 1024) (i32.const 6))"
            )),
            "failed trap",
            "",
        ),
        entry(
            "answer: an arena around the end of addresses",
            does(format!(
                "{NEXT} (call $emit (i32.const -16) (i32.const 32) (i32.const 1024) (i32.const 6))"
            )),
            "failed trap",
            "",
        ),
        entry(
            "answer: an index of four billion words",
            does(format!(
                "{NEXT} (call $emit (i32.const 0) (i32.const 0) (i32.const 1024) (i32.const -1))"
            )),
            "failed trap",
            "",
        ),
        entry(
            "answer: an index between words",
            does(format!(
                "{NEXT} (call $emit (i32.const 0) (i32.const 0) (i32.const 1025) (i32.const 6))"
            )),
            "failed trap",
            "",
        ),
    ]
}

/// Writes `count` times the words from 8192 on, each of so many bytes, behind the head at 131072, and emits it.
fn repeated(guest: Guest, head: &[u32], each: &[u32], count: u32) -> Vec<u8> {
    let (head_bytes, each_bytes) = (4 * head.len(), 4 * each.len());
    let words = head.len() as u32 + count * each.len() as u32;
    guest
        .words(131_072, head)
        .words(8192, each)
        .handle(&format!(
            "{NEXT} (local.set $i (i32.const {count}))
            (loop $l
              (local.set $i (i32.sub (local.get $i) (i32.const 1)))
              (memory.copy
                (i32.add (i32.const {}) (i32.mul (local.get $i) (i32.const {each_bytes})))
                (i32.const 8192) (i32.const {each_bytes}))
              (br_if $l (local.get $i)))
            (call $emit (i32.const 0) (i32.const 0) (i32.const 131072) (i32.const {words}))",
            131_072 + head_bytes
        ))
        .module()
}

fn large() -> Vec<Entry> {
    let many = [NULL, NULL, 0, 0, 0, SAME, SAME, SAME];
    let headers = |count| [output(&[NULL, NULL]), vec![count]].concat();
    let giant = output(&[NULL, NULL, 1, 4, 2_000_000]);
    vec![
        entry(
            "100,000 outputs",
            repeated(packed().pages(64), &[1, 0, 0, 1, 0, 100_000], &many, 100_000),
            "failed output-limit",
            "returned 100000 outputs, and 1000 is the limit",
        ),
        entry(
            "a giant header",
            packed()
                .pages(64)
                .words(1024, &giant)
                .handle(&format!(
                    "{NEXT} (call $emit (i32.const 8192) (i32.const 2000004) (i32.const 1024) (i32.const {}))",
                    giant.len()
                ))
                .module(),
            "failed output-limit",
            "1048576 is the limit",
        ),
        entry(
            "a million empty headers",
            repeated(packed().pages(200), &headers(900_000), &[0, NULL], 900_000),
            "failed output-limit",
            "1048576 is the limit",
        ),
        entry(
            "an answer of more than a call may hand over",
            packed()
                .pages(256)
                .handle("(call $emit (i32.const 0) (i32.const 16777215) (i32.const 0) (i32.const 2))")
                .module(),
            "failed host-call-limit",
            "16777216",
        ),
        entry(
            "an index of three million words",
            repeated(packed().pages(200), &[1, 0, 3_000_000, 0], &[0], 3_000_000),
            CONTRACT,
            "2097152 is the limit",
        ),
        entry(
            "a million topics",
            repeated(packed().pages(200), &[1, 0, 1_000_000, 0], &[0], 1_000_000),
            CONTRACT,
            "attempted no message",
        ),
    ]
}
