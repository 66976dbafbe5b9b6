//! Guests that call the host too often, or hand it too much.

use crate::{
    entry::{Entry, entry},
    guest::{packed, simple},
};

/// Does something so often.
pub fn times(count: u32, body: &str) -> String {
    format!(
        "(local.set $i (i32.const {count}))
        (loop $l {body} (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))"
    )
}

pub fn entries() -> Vec<Entry> {
    let line = |level: u32, length: u32| {
        format!("(call $log (i32.const {level}) (i32.const 65536) (i32.const {length}))")
    };
    vec![
        entry(
            "5,000 log lines",
            packed().first(&times(5000, &line(2, 20))).module(),
            "done 1",
            "",
        ),
        entry(
            "log lines of a megabyte",
            packed()
                .pages(64)
                .first(&times(3, &line(4, 1 << 20)))
                .module(),
            "done 1",
            "",
        ),
        entry(
            "a log line of nothing but line ends",
            packed()
                .pages(64)
                .first("(memory.fill (i32.const 65536) (i32.const 10) (i32.const 3000000))")
                .first(&line(4, 3_000_000))
                .module(),
            "done 1",
            "",
        ),
        entry(
            "a log line of no level",
            packed().first(&line(77, 20)).module(),
            "failed trap",
            "",
        ),
        entry(
            "a log line beyond the memory",
            packed().first(&line(2, 1 << 30)).module(),
            "failed trap",
            "",
        ),
        entry(
            "a log line that is no text",
            packed()
                .data(98_304, b"\xFF\xFE")
                .first("(call $log (i32.const 2) (i32.const 98304) (i32.const 2))")
                .module(),
            "failed trap",
            "",
        ),
        entry(
            "1,000 questions for the attempt",
            simple()
                .first(&times(1000, "(drop (call $attempt))"))
                .module(),
            "done 0",
            "",
        ),
        entry(
            "1,000 questions for all settings",
            packed()
                .first(&times(
                    1000,
                    "(global.set $free (i32.const 65536)) (call $all (i32.const 512))",
                ))
                .module(),
            "done 1",
            "",
        ),
        entry(
            "questions for all settings until the memory is full",
            packed()
                .first(&times(1000, "(call $all (i32.const 512))"))
                .module(),
            "failed trap",
            "",
        ),
        entry(
            "three answers of a megabyte",
            packed()
                .pages(32)
                .first(&times(
                    3,
                    "(call $emit (i32.const 0) (i32.const 1048576) (i32.const 0) (i32.const 0))",
                ))
                .module(),
            "failed contract",
            "more than once",
        ),
    ]
}
