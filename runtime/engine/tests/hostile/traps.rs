//! Guests that trap, in every function that the host calls and in every way there is.

use crate::{
    entry::{Entry, entry},
    guest::{NEXT, packed, simple, wat},
};

const TRAP: &str = "failed trap";
const IN_TRIAL: &str = "trial trap";

pub fn entries() -> Vec<Entry> {
    let mut entries = everywhere();
    entries.extend(in_every_way().into_iter().map(|(name, items, body, says)| {
        let guest = packed().with(items).handle(&format!("{NEXT} {body}"));
        entry(&format!("trap: {name}"), guest.module(), TRAP, says)
    }));
    entries.extend(reallocs());
    entries
}

fn everywhere() -> Vec<Entry> {
    let unreachable = "wasm `unreachable`";
    let post = |of: &str, params: &str| {
        format!("(func (export \"cabi_post_pelton:handler/{of}\") {params} (unreachable))")
    };
    vec![
        entry(
            "trap in handle",
            packed().handle("(unreachable)").module(),
            TRAP,
            unreachable,
        ),
        entry(
            "trap in a simple handle",
            simple().handle("(unreachable)").module(),
            TRAP,
            unreachable,
        ),
        entry(
            "trap in setup",
            packed().setup("(unreachable)").module(),
            IN_TRIAL,
            unreachable,
        ),
        entry(
            "trap at start",
            packed()
                .with("(func $begin (unreachable)) (start $begin)")
                .module(),
            IN_TRIAL,
            unreachable,
        ),
        entry(
            "trap in cabi_realloc",
            packed().realloc("(unreachable)").module(),
            TRAP,
            unreachable,
        ),
        entry(
            "trap in the post-return of handle",
            packed()
                .with(&post("packed-handler@0.1.0#handle", ""))
                .module(),
            TRAP,
            unreachable,
        ),
        entry(
            "trap in the post-return of a simple handle",
            simple()
                .with(&post("simple-handler@0.1.0#handle", "(param i32)"))
                .module(),
            TRAP,
            unreachable,
        ),
        entry(
            "trap in the post-return of setup",
            packed()
                .with(&post("lifecycle@0.1.0#setup", "(param i32)"))
                .module(),
            IN_TRIAL,
            unreachable,
        ),
        entry(
            "data beyond the memory from the start",
            packed().with("(data (i32.const 131071) \"ab\")").module(),
            IN_TRIAL,
            "out of bounds",
        ),
        entry(
            "a name that forges lines of the log",
            packed()
                .with("(func $evil (@name \"\\0a2026 ERROR \\1b[31m forged\") (unreachable))")
                .handle("(call $evil)")
                .module(),
            TRAP,
            " < handle",
        ),
        entry(
            "a name of 50,000 bytes",
            packed()
                .with(&format!(
                    "(func $long (@name \"{}\") (unreachable))",
                    "n".repeat(50_000)
                ))
                .handle("(call $long)")
                .module(),
            TRAP,
            "(cut)",
        ),
        entry(
            "a wait that nobody ends",
            packed()
                .handle("(drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))")
                .module(),
            "refused invalid",
            "threads",
        ),
        entry(
            "a trap of a component within the component",
            wat(&format!(
                "(component {})",
                "(component (core module (func unreachable)))".repeat(10)
            )),
            "refused no-handler",
            "",
        ),
    ]
}

type Way = (&'static str, &'static str, &'static str, &'static str);

fn in_every_way() -> Vec<Way> {
    let table = "(table 2 funcref) (type $other (func (param f64))) (elem (i32.const 0) $nothing) (func $nothing)";
    vec![
        (
            "a division by zero",
            "",
            "(drop (i32.div_u (i32.const 1) (local.get $i)))",
            "divide by zero",
        ),
        (
            "a division that overflows",
            "",
            "(drop (i32.div_s (i32.const 0x80000000) (i32.sub (local.get $i) (i32.const 1))))",
            "overflow",
        ),
        (
            "not a number",
            "",
            "(drop (i32.trunc_f64_s (f64.div (f64.const 0) (f64.convert_i32_u (local.get $i)))))",
            "conversion to integer",
        ),
        (
            "a load beyond the memory",
            "",
            "(drop (i64.load (i32.const 131070)))",
            "out of bounds",
        ),
        (
            "a load from the last address",
            "",
            "(drop (i32.load offset=0xFFFFFFFF (i32.const -1)))",
            "out of bounds",
        ),
        (
            "a store beyond the memory",
            "",
            "(i32.store (i32.const 0x7FFFFFFF) (i32.const 1))",
            "out of bounds",
        ),
        (
            "a fill beyond the memory",
            "",
            "(memory.fill (i32.const 0) (i32.const 0) (i32.const -1))",
            "out of bounds",
        ),
        (
            "a call beyond the table",
            table,
            "(call_indirect (i32.const 7))",
            "undefined element",
        ),
        (
            "a call of nothing",
            table,
            "(call_indirect (i32.const 1))",
            "uninitialized element",
        ),
        (
            "a call of another type",
            table,
            "(call_indirect (type $other) (f64.const 0) (i32.const 0))",
            "indirect call type mismatch",
        ),
    ]
}

/// `cabi_realloc` has the host write where it says.
fn reallocs() -> Vec<Entry> {
    let says = |name: &str, body: &str, what, says| {
        entry(
            &format!("cabi_realloc {name}"),
            packed().realloc(body).module(),
            what,
            says,
        )
    };
    vec![
        says("says beyond the memory", "(i32.const 131071)", TRAP, ""),
        says("says the last address", "(i32.const -1)", TRAP, ""),
        says("says between words", "(i32.const 4097)", TRAP, ""),
        says("calls the host", "(drop (call $attempt)) (i32.const 4096)", TRAP, "cannot leave"),
        says(
            "says always the same place",
            "(i32.const 98304)",
            "done 1",
            "",
        ),
        says(
            "has the batch written over the answer",
            "(i32.const 1024)",
            "failed contract",
            "",
        ),
        entry(
            "post-return calls the host",
            simple()
                .with("(func (export \"cabi_post_pelton:handler/simple-handler@0.1.0#handle\") (param i32) (drop (call $attempt)))")
                .module(),
            TRAP,
            "cannot leave",
        ),
    ]
}
