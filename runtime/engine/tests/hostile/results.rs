//! Results of simple handlers, and of set-ups, that lie about where they are and what they hold.

use crate::{
    entry::{Entry, entry},
    guest::{Guest, packed, simple},
};

const TRAP: &str = "failed trap";
/// A result with a list of so many outputs from 4096 on.
const fn list(count: u32) -> [u32; 4] {
    [0, 0, 4096, count]
}
/// An output of 18 words that is all null.
const NOTHING: [u32; 18] = [0; 18];
/// Positions in it.
const TOPIC: usize = 0;
const KEY: usize = 10;
const VALUE: usize = 13;
const HEADERS: usize = 16;

pub fn entries() -> Vec<Entry> {
    let mut entries = results();
    entries.extend(outputs());
    entries.extend(setups());
    entries
}

fn results() -> Vec<Entry> {
    let at = |place: &str| simple().handle(place).module();
    let holds = |words: &[u32]| simple().words(1024, words).module();
    let lies = vec![
        ("a result beyond the memory", at("(i32.const 131064)"), ""),
        ("a result nowhere", at("(i32.const -8)"), ""),
        ("a result between words", at("(i32.const 1025)"), ""),
        ("a result of no kind", holds(&[7, 0, 0, 0]), ""),
        ("a list beyond the memory", holds(&[0, 0, 131_064, 1]), ""),
        ("a list between words", holds(&[0, 0, 4097, 1]), ""),
        ("a list of four billion", holds(&list(u32::MAX)), ""),
        ("a failure of no kind", holds(&[1, 0, 9, 0, 0, 0, 0, 0]), ""),
        (
            "a retry that is no option",
            holds(&[1, 0, 0, 0, 5, 0, 0, 0]),
            "",
        ),
        (
            "a reason beyond the memory",
            holds(&[1, 0, 1, 0, 16, u32::MAX, 0, 0]),
            "",
        ),
    ];
    let mut entries: Vec<Entry> = lies
        .into_iter()
        .map(|(name, bytes, says)| entry(&format!("result: {name}"), bytes, TRAP, says))
        .collect();
    entries.push(entry(
        "result: a reason that is no text",
        simple()
            .words(1024, &[1, 0, 2, 0, 4096, 2, 0, 0])
            .data(4096, b"\xFF\xFE")
            .module(),
        TRAP,
        "",
    ));
    entries.push(entry(
        "result: a reason of a megabyte",
        simple()
            .pages(64)
            .words(1024, &[1, 0, 1, 0, 131_072, 1 << 20, 0, 0])
            .module(),
        "failed reject",
        "(cut)",
    ));
    entries.push(entry(
        "result: a reason that forges lines of the log",
        simple()
            .words(1024, &[1, 0, 2, 0, 4096, 20, 0, 0])
            .data(4096, b"a\n2026 ERROR \x1b[31mb\r")
            .module(),
        "failed other",
        "a\\n2026 ERROR \\u{1b}[31mb",
    ));
    entries
}

/// An output with this much of the memory as its value.
fn with_value(bytes: u32) -> [u32; 18] {
    let mut output = NOTHING;
    output[VALUE] = 1;
    output[VALUE + 2] = bytes;
    output
}

/// A handler that returns one output with these words in it.
fn with_output(changes: &[(usize, u32)]) -> Guest {
    let mut output = NOTHING;
    for (at, word) in changes {
        output[*at] = *word;
    }
    simple().words(1024, &list(1)).words(4096, &output)
}

fn outputs() -> Vec<Entry> {
    let lie = |name: &str, changes: &[(usize, u32)]| {
        entry(
            &format!("output: {name}"),
            with_output(changes).module(),
            TRAP,
            "",
        )
    };
    let many = |count: u32| simple().pages(200).words(1024, &[0, 0, 131_072, count]);
    let empty_headers = [(HEADERS, 131_072), (HEADERS + 1, 300_000)];
    vec![
        lie("a topic that is no option", &[(TOPIC, 3)]),
        lie(
            "a topic beyond the memory",
            &[(TOPIC, 1), (TOPIC + 1, 131_000), (TOPIC + 2, 1000)],
        ),
        lie(
            "a key of four gigabytes",
            &[(KEY, 1), (KEY + 1, 0), (KEY + 2, u32::MAX)],
        ),
        lie(
            "a value around the end of addresses",
            &[(VALUE, 1), (VALUE + 1, 0xFFFF_FFF0), (VALUE + 2, 32)],
        ),
        lie(
            "headers beyond the memory",
            &[(HEADERS, 131_064), (HEADERS + 1, 2)],
        ),
        lie(
            "four billion headers",
            &[(HEADERS, 8), (HEADERS + 1, u32::MAX)],
        ),
        entry(
            "output: a topic that is no text",
            with_output(&[(TOPIC, 1), (TOPIC + 1, 8192), (TOPIC + 2, 2)])
                .data(8192, b"\xC0\x80")
                .module(),
            TRAP,
            "",
        ),
        entry(
            "output: 100,000 of them",
            many(100_000).module(),
            "failed output-limit",
            "returned 100000 outputs",
        ),
        entry(
            "output: a thousand times all of the memory",
            simple()
                .pages(200)
                .words(1024, &list(1000))
                .words(4096, &[with_value(12 << 20).as_slice(); 1000].concat())
                .module(),
            "failed host-call-limit",
            "more than 16777216 bytes in one call",
        ),
        entry(
            "output: all of the memory as a value",
            with_output(&[(VALUE, 1), (VALUE + 1, 0), (VALUE + 2, 12 << 20)])
                .pages(200)
                .module(),
            "failed output-limit",
            "1048576 is the limit",
        ),
        entry(
            "output: 300,000 empty headers",
            with_output(&empty_headers).pages(200).module(),
            "failed output-limit",
            "1048576 is the limit",
        ),
    ]
}

fn setups() -> Vec<Entry> {
    let at = |place: &str| packed().setup(place).module();
    let holds = |words: &[u32]| packed().words(512, words);
    vec![
        entry(
            "setup: a result nowhere",
            at("(i32.const -4)"),
            "trial trap",
            "",
        ),
        entry(
            "setup: a result between words",
            at("(i32.const 513)"),
            "trial trap",
            "",
        ),
        entry(
            "setup: a result of no kind",
            holds(&[9, 0, 0]).module(),
            "trial trap",
            "",
        ),
        entry(
            "setup: a text of four gigabytes",
            holds(&[1, 0, u32::MAX]).module(),
            "trial trap",
            "",
        ),
        entry(
            "setup: a text that is none",
            holds(&[1, 2048, 2]).data(2048, b"\xFF\xFF").module(),
            "trial trap",
            "",
        ),
        entry(
            "setup: a text of ten megabytes",
            holds(&[1, 131_072, 10 << 20]).pages(200).module(),
            "trial refused",
            "(cut)",
        ),
    ]
}
