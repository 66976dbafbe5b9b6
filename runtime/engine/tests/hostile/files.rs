//! Files that are no handlers, or were some once.

use std::fmt::Write;

use crate::{
    entry::{Entry, entry},
    guest::{custom_section, embed, packed, section, simple, wat},
};

const INVALID: &str = "refused invalid";

pub fn entries() -> Vec<Entry> {
    [foreign(), cut(), bare(), other_types(), large(), deep()]
        .into_iter()
        .flatten()
        .collect()
}

fn foreign() -> Vec<Entry> {
    let file = |name: &str, bytes: &[u8], what, says| entry(name, bytes.to_vec(), what, says);
    let not = "refused not-wasm";
    vec![
        file("an empty file", b"", "refused empty", "still being written"),
        file(
            "a script by the name of .wasm",
            b"#!/bin/sh\necho hello\n",
            not,
            "#!/bin/sh",
        ),
        file(
            "a page by the name of .wasm",
            b"<!DOCTYPE html><html>404",
            not,
            "<!DOCTYPE html>",
        ),
        file(
            "an archive by the name of .wasm",
            b"PK\x03\x04\x14\0\0\0\x08\0",
            not,
            "\"PK",
        ),
        file(
            "a library by the name of .wasm",
            b"\x7fELF\x02\x01\x01\0\xff",
            not,
            "7f454c46",
        ),
        file(
            "a text module by the name of .wasm",
            b"(module)",
            not,
            "(module)",
        ),
        file("zeros", &[0; 4096], not, "begins with"),
        file(
            "the first four bytes alone",
            b"\0asm",
            INVALID,
            "ends after 4 bytes",
        ),
        file(
            "a version that is none",
            b"\0asm\x07\0\0\0",
            INVALID,
            "07000000",
        ),
        file(
            "nothing but a module's head",
            b"\0asm\x01\0\0\0",
            "refused no-component-type",
            "",
        ),
        file(
            "nothing but a component's head",
            b"\0asm\x0d\0\x01\0",
            "refused no-handler",
            "but nothing",
        ),
    ]
}

fn cut() -> Vec<Entry> {
    let mut entries = Vec::new();
    for (form, bytes) in [
        ("module", packed().module()),
        ("component", simple().component()),
    ] {
        for tenth in [1, 3, 5, 7, 9] {
            let mut cut = bytes[..bytes.len() * tenth / 10].to_vec();
            let name = format!("a {form} cut after {tenth} tenths");
            // Where exactly it is cut decides which of the checks finds it.
            entries.push(entry(&name, cut.clone(), "refused", ""));
            cut.resize(bytes.len(), 0);
            let name = format!("a {form} with zeros after {tenth} tenths");
            entries.push(entry(&name, cut, "refused", ""));
        }
        let twice = [bytes.as_slice(), &bytes].concat();
        entries.push(entry(&format!("a {form} twice"), twice, "refused", ""));
    }
    entries
}

fn bare() -> Vec<Entry> {
    let bare = wat(&packed().text());
    let text = packed().text();
    let without = |part: &str| embed(&wat(&text.replace(part, "")), "packed");
    let lying = [bare.clone(), custom_section(40)].concat();
    vec![
        entry(
            "a core module without component-type information",
            bare,
            "refused no-component-type",
            "",
        ),
        entry(
            "a core module with a custom section of nonsense",
            lying,
            "refused no-component-type",
            "",
        ),
        entry(
            "a core module that exports no memory",
            without("(export \"memory\")"),
            "refused encode",
            "",
        ),
        entry(
            "a core module that exports no cabi_realloc",
            without("(export \"cabi_realloc\")"),
            "refused encode",
            "",
        ),
        entry(
            "a core module that exports no handle",
            without("(export \"pelton:handler/packed-handler@0.1.0#handle\")"),
            "refused encode",
            "",
        ),
        entry(
            "a core module with an import of nobody's",
            embed(
                &wat(&text.replace(
                    "(module ",
                    "(module (import \"env\" \"system\" (func (param i32)))",
                )),
                "packed",
            ),
            "refused encode",
            "env",
        ),
        entry(
            "a core module for WASI 0.1",
            embed(
                &wat(&text.replace(
                    "(module ",
                    "(module (import \"wasi_snapshot_preview1\" \"proc_exit\" (func (param i32)))",
                )),
                "packed",
            ),
            "refused encode",
            "wasm32-wasip2",
        ),
        entry(
            "a core module with the types of the other world",
            embed(&wat(&text), "handler"),
            "refused encode",
            "",
        ),
    ]
}

fn other_types() -> Vec<Entry> {
    let import = |name: &str| wat(&format!("(component (import \"{name}\" (instance)))"));
    let not_granted = "refused import-not-granted";
    let long = format!("wasi:{}/x@0.2.0", "a".repeat(20_000));
    vec![
        entry(
            "an import of files of 0.1",
            import("wasi:filesystem0/x@0.1.0"),
            not_granted,
            "wasi:filesystem0/x",
        ),
        entry(
            "an import of http",
            import("wasi:http/outgoing-handler@0.2.0"),
            not_granted,
            "wasi:http/outgoing-handler",
        ),
        entry(
            "an import of somebody's",
            import("acme:secrets/vault"),
            not_granted,
            "acme:secrets/vault",
        ),
        entry(
            "an import with a name of 20,000 bytes",
            import(&long),
            not_granted,
            "(cut)",
        ),
        entry(
            "an import of a function there isn't",
            wat(
                "(component (import \"pelton:handler/log@0.1.7\" (instance (export \"shout\" (func)))))",
            ),
            "refused import-mismatch",
            "pelton:handler/log@0.1.7",
        ),
        entry(
            "an import of another type",
            wat(
                "(component (import \"pelton:handler/delivery@0.1.0\" (instance (export \"attempt\" (func (result string))))))",
            ),
            "refused import-mismatch",
            "attempt",
        ),
        entry(
            "a handler that is empty",
            wat(
                "(component (instance $i) (export \"pelton:handler/packed-handler@0.1.0\" (instance $i)))",
            ),
            "refused export",
            "",
        ),
        entry(
            "a handler of a later contract",
            wat(
                "(component (instance $i) (export \"pelton:handler/packed-handler@0.2.0\" (instance $i)))",
            ),
            "refused no-handler",
            "packed-handler@0.2.0",
        ),
    ]
}

fn large() -> Vec<Entry> {
    let mut functions = String::new();
    for number in 0..10_000 {
        let _ = write!(functions, "(func (result i32) (i32.const {number}))");
    }
    let padded = |bytes: Vec<u8>, padding| [bytes, custom_section(padding)].concat();
    let globals = "(global i32 (i32.const 0))".repeat(20_000);
    vec![
        entry(
            "10,000 functions",
            packed().with(&functions).module(),
            "done 1",
            "",
        ),
        entry(
            "20,000 globals",
            packed().with(&globals).module(),
            "done 1",
            "",
        ),
        entry(
            "a module of 50 MB",
            padded(packed().module(), 50 << 20),
            "done 1",
            "",
        ),
        entry(
            "a component of 50 MB",
            padded(packed().component(), 50 << 20),
            "done 1",
            "",
        ),
        entry(
            "a file beyond the limit",
            padded(packed().module(), 65 << 20),
            "refused too-large",
            "67108864 is the limit",
        ),
        entry(
            "a function of 3,000 blocks",
            packed()
                .with(&format!(
                    "(func {} {})",
                    "block ".repeat(3_000),
                    "end ".repeat(3_000)
                ))
                .module(),
            "done 1",
            "",
        ),
        entry(
            "a function of 60,000 locals",
            packed()
                .with(&format!("(func {})", "(local i32)".repeat(60_000)))
                .module(),
            INVALID,
            "locals",
        ),
    ]
}

fn deep() -> Vec<Entry> {
    let head = b"\0asm\x0d\0\x01\0";
    let nested = (0..20_000).fold(head.to_vec(), |inner, _| {
        [head.as_slice(), &section(4, &inner)].concat()
    });
    let mut types = "(type $t0 (tuple u64 u64))".to_owned();
    for level in 0..30 {
        let _ = write!(types, "(type $t{} (tuple $t{level} $t{level}))", level + 1);
    }
    vec![
        entry(
            "components within components",
            nested,
            INVALID,
            "on more than 50 levels",
        ),
        entry(
            "a type of a billion fields",
            wat(&format!("(component {types})")),
            INVALID,
            "size",
        ),
    ]
}
