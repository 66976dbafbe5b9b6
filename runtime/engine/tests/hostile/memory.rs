//! Guests that want more memory, table or stack than there is for them.

use crate::{
    entry::{Entry, entry},
    guest::{Guest, NEXT, packed, wat},
};

/// Calls itself for ever, with some words on the stack.
const TOO_DEEP: &str =
    "(func $deep (param i32) (result i32) (i32.add (call $deep (local.get 0)) (i32.const 1)))";
const DEEP: &str = "(drop (call $deep (i32.const 0)))";
/// Takes pages until there are none, and traps as an allocator does.
const EAT: &str =
    "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (unreachable)";

pub fn entries() -> Vec<Entry> {
    [growing(), from_the_start(), recursion()]
        .into_iter()
        .flatten()
        .collect()
}

fn growing() -> Vec<Entry> {
    let table = "(table $t 1 funcref) (func $eat (loop $l (br_if $l (i32.ne \
        (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1)))) (unreachable))";
    let at_start = format!("(func $begin {EAT}) (start $begin)");
    vec![
        entry(
            "memory bomb",
            packed().handle(&format!("{NEXT} {EAT}")).module(),
            "failed memory-limit",
            "16777216 is the limit",
        ),
        entry(
            "memory bomb in one step",
            packed()
                .handle(&format!(
                    "{NEXT} (if (i32.eq (memory.grow (i32.const 65534)) (i32.const -1)) (then (unreachable)))"
                ))
                .module(),
            "failed memory-limit",
            "wanted 4294967296 bytes",
        ),
        entry(
            "memory bomb at start",
            packed().with(&at_start).module(),
            "trial memory-limit",
            "16777216 is the limit",
        ),
        entry(
            "memory bomb in setup",
            packed().setup(EAT).module(),
            "trial memory-limit",
            "16777216 is the limit",
        ),
        entry(
            "memory bomb in cabi_realloc",
            packed().realloc(EAT).module(),
            "failed memory-limit",
            "16777216 is the limit",
        ),
        entry(
            "table bomb",
            packed()
                .with(table)
                .handle(&format!("{NEXT} (call $eat)"))
                .module(),
            "failed memory-limit",
            "10000 is the limit",
        ),
        entry(
            "memory that was refused and is not missed",
            packed()
                .first("(drop (memory.grow (i32.const 65000)))")
                .module(),
            "done 1",
            "",
        ),
    ]
}

fn from_the_start() -> Vec<Entry> {
    let tables = "(table 1 funcref)".repeat(10);
    let instances = "(core instance (instantiate $m))".repeat(100);
    vec![
        entry(
            "begins with more memory than its limit",
            packed().pages(300).module(),
            "trial memory-limit",
            "16777216 is the limit",
        ),
        entry(
            "begins with more memory than the engine has",
            packed().pages(1000).module(),
            "refused too-demanding",
            "",
        ),
        entry(
            "begins with four gigabytes",
            packed().pages(65_536).module(),
            "refused too-demanding",
            "",
        ),
        entry(
            "begins with a larger table than its limit",
            packed().with("(table 20000 funcref)").module(),
            "trial memory-limit",
            "10000 is the limit",
        ),
        entry(
            "begins with a larger table than the engine has",
            packed().with("(table 10000000 funcref)").module(),
            "refused too-demanding",
            "",
        ),
        entry(
            "three memories",
            packed().with("(memory 1) (memory 1)").module(),
            "refused too-demanding",
            "",
        ),
        entry(
            "ten tables",
            packed().with(&tables).module(),
            "refused too-demanding",
            "",
        ),
        entry(
            "a hundred core instances",
            wat(&format!("(component (core module $m) {instances})")),
            "refused too-demanding",
            "",
        ),
        entry(
            "a shared memory",
            wat("(component (core module (memory 1 1000 shared)))"),
            "refused invalid",
            "",
        ),
        entry(
            "a memory with wide addresses",
            wat("(component (core module (memory i64 1000000000)))"),
            "refused too-demanding",
            "",
        ),
    ]
}

fn recursion() -> Vec<Entry> {
    let exhausted = "call stack exhausted";
    let locals = "(local i64)".repeat(1000);
    let with = |guest: Guest| guest.with(TOO_DEEP);
    vec![
        entry(
            "deep recursion",
            with(packed()).handle(DEEP).module(),
            "failed trap",
            exhausted,
        ),
        entry(
            "deep recursion in setup",
            with(packed()).setup(&format!("{DEEP} (i32.const 512)")).module(),
            "trial trap",
            exhausted,
        ),
        entry(
            "deep recursion at start",
            with(packed())
                .with(&format!("(func $begin {DEEP}) (start $begin)"))
                .module(),
            "trial trap",
            exhausted,
        ),
        entry(
            "deep recursion in cabi_realloc",
            with(packed()).realloc("(call $deep (i32.const 0))").module(),
            "failed trap",
            exhausted,
        ),
        entry(
            "deep recursion with many locals",
            packed()
                .with(&format!("(func $wide {locals} (call $wide))"))
                .handle("(call $wide)")
                .module(),
            "failed trap",
            exhausted,
        ),
        entry(
            "deep recursion of two by a table",
            packed()
                .with("(table 2 funcref) (elem (i32.const 0) $a $b) (func $a (call_indirect (i32.const 1)) (nop)) \
                       (func $b (call_indirect (i32.const 0)) (nop))")
                .handle("(call $a)")
                .module(),
            "failed trap",
            exhausted,
        ),
        entry(
            "deep recursion of handle itself",
            packed()
                .handle("(call $handle (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))")
                .module(),
            "failed trap",
            exhausted,
        ),
    ]
}
