//! What is no handler is refused with the reason and what to do.

use pelton_engine::{EngineSettings, HandlerEnv, Interface, Limits, LoadError};

use crate::support::*;

fn refusal(bytes: &[u8]) -> LoadError {
    engine(1).load(bytes, &env()).unwrap_err()
}

#[test]
fn what_is_not_webassembly_is_refused() {
    assert_eq!(refusal(b""), LoadError::Empty);
    let too_large = refusal(&vec![0; (1 << 20) + 1]);
    assert!(
        too_large
            .to_string()
            .contains("1048577 bytes, and 1048576 is the limit"),
        "{too_large}"
    );
    let script = refusal(b"#!/bin/sh\necho hello");
    assert!(
        script
            .to_string()
            .starts_with("not a WebAssembly file: it begins with \"#!/bin/sh"),
        "{script}"
    );
    let binary = refusal(b"\x7fELF\xff\x01\x01\x00");
    assert!(binary.to_string().contains("7f454c46ff"), "{binary}");
    let stub = refusal(b"\0asm");
    assert!(
        stub.to_string()
            .contains("truncated or invalid: it ends after 4 bytes"),
        "{stub}"
    );
    let version = refusal(b"\0asm\x07\0\0\0");
    assert!(
        version.to_string().contains("07000000 is no version"),
        "{version}"
    );
}

#[test]
fn every_truncation_is_refused() {
    let engine = engine(1);
    for bytes in [component("packed", PACKED), module("handler", SIMPLE)] {
        assert!(engine.load(&bytes, &env()).is_ok());
        let step = (bytes.len() / 40).max(1);
        for length in (0..bytes.len()).step_by(step).chain([bytes.len() - 1]) {
            let loaded = engine.load(&bytes[..length], &env());
            assert!(
                loaded.is_err(),
                "loaded the first {length} of {} bytes",
                bytes.len()
            );
        }
    }
}

#[test]
fn a_module_without_component_types_is_refused() {
    let bare = wat::parse_str("(module (func (export \"handle\")))").unwrap();
    assert_eq!(refusal(&bare), LoadError::NoComponentType);
    let preview1 = SIMPLE.replace(
        "(memory (export",
        "(import \"wasi_snapshot_preview1\" \"proc_exit\" (func (param i32))) (memory (export",
    );
    let refused = refusal(&module("handler", &preview1));
    assert!(refused.to_string().contains("wasm32-wasip2"), "{refused}");
}

#[test]
fn a_component_that_is_no_handler_is_refused() {
    let nothing = refusal(&wat::parse_str("(component)").unwrap());
    assert!(nothing.to_string().contains("but nothing"), "{nothing}");
    let other =
        r#"(component (instance $i) (export "wasi:http/incoming-handler@0.2.0" (instance $i)))"#;
    let other = refusal(&wat::parse_str(other).unwrap());
    assert!(
        other
            .to_string()
            .contains("but wasi:http/incoming-handler@0.2.0"),
        "{other}"
    );
    let hollow =
        r#"(component (instance $i) (export "pelton:handler/simple-handler@0.1.0" (instance $i)))"#;
    let hollow = refusal(&wat::parse_str(hollow).unwrap());
    assert!(matches!(hollow, LoadError::Export { .. }), "{hollow}");
    let wrong = r#"(component
        (core module $m (func (export "h") (param i32)))
        (core instance $c (instantiate $m))
        (func $h (param "x" u32) (canon lift (core func $c "h")))
        (instance $i (export "handle" (func $h)))
        (export "pelton:handler/packed-handler@0.1.0" (instance $i)))"#;
    let wrong = refusal(&wat::parse_str(wrong).unwrap());
    assert!(
        wrong.to_string().contains("packed-handler@0.1.0#handle"),
        "{wrong}"
    );
}

#[test]
fn an_import_that_is_not_granted_is_named() {
    let http = r#"(component (import "wasi:http/outgoing-handler@0.2.0" (instance)))"#;
    let refused = refusal(&wat::parse_str(http).unwrap());
    let LoadError::ImportNotGranted { import, .. } = &refused else {
        panic!("{refused}")
    };
    assert_eq!(import, "wasi:http/outgoing-handler@0.2.0");
    assert!(
        refused
            .to_string()
            .contains("add http = [\"https://HOST\"] in [handlers.tested.grants]"),
        "{refused}"
    );
    let newer =
        r#"(component (import "pelton:handler/log@0.1.7" (instance (export "shout" (func)))))"#;
    let newer = refusal(&wat::parse_str(newer).unwrap());
    assert!(
        newer.to_string().contains("pelton:handler/log@0.1.7"),
        "{newer}"
    );
    assert!(matches!(newer, LoadError::ImportMismatch { .. }), "{newer}");
}

#[test]
fn a_memory_limit_beyond_the_engine_s_is_refused() {
    let mut env = env();
    env.limits.memory_bytes = 1 << 30;
    let refused = engine(1).load(&module("handler", SIMPLE), &env);
    assert!(
        matches!(refused, Err(LoadError::MemoryLimit { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_component_that_needs_more_than_there_is_is_not_called_invalid() {
    let large = SIMPLE.replace("\"memory\") 8)", "\"memory\") 2048)");
    let refused = refusal(&module("handler", &large));
    assert!(
        matches!(refused, LoadError::TooDemanding { .. }),
        "{refused}"
    );
    let memories = SIMPLE.replace("\"memory\") 8)", "\"memory\") 8) (memory 1) (memory 1)");
    let refused = refusal(&module("handler", &memories));
    assert!(
        matches!(refused, LoadError::TooDemanding { .. }),
        "{refused}"
    );
}

#[test]
fn a_revision_is_its_component_with_its_configuration() {
    let engine = engine(1);
    let bytes = module("handler", SIMPLE);
    let id = |env| engine.load(&bytes, &env).unwrap().id();
    assert_eq!(id(env()), id(env()));
    assert_ne!(id(env()), id(with_setup("a")));
    assert_ne!(id(with_setup("a")), id(with_setup("b")));
    let mut other = env();
    other.limits.output_messages += 1;
    assert_ne!(id(env()), id(other));
    let component = engine.load(&component("handler", SIMPLE), &env()).unwrap();
    assert_ne!(id(env()), component.id());
    assert_eq!(component.digest().len(), 64);
}

#[test]
fn inspection_tells_what_a_component_is() {
    let engine = engine(1);
    let packed = engine.inspect(&module("packed", PACKED)).unwrap();
    assert!(packed.core_module && packed.lifecycle && packed.packed && !packed.simple);
    assert_eq!(packed.interface(), Some(Interface::Packed));
    assert!(
        packed
            .imports
            .iter()
            .any(|i| i.name == "pelton:handler/batch@0.1.0" && i.granted)
    );
    let simple = engine.inspect(&component("handler", SIMPLE)).unwrap();
    assert!(!simple.core_module && !simple.lifecycle);
    assert_eq!(simple.interface(), Some(Interface::Simple));
    let http = r#"(component (import "wasi:http/outgoing-handler@0.2.0" (instance)))"#;
    let http = engine.inspect(&wat::parse_str(http).unwrap()).unwrap();
    assert_eq!(http.interface(), None);
    assert!(!http.imports[0].granted);
}

#[test]
fn a_larger_engine_beside_takes_what_the_first_has_no_room_for_and_counts_with_it() {
    let first = engine(1);
    let large = HandlerEnv {
        limits: Limits {
            memory_bytes: 128 << 20,
            ..env().limits
        },
        ..env()
    };
    let bytes = component("packed", PACKED);
    let refused = first.load(&bytes, &large).unwrap_err();
    assert!(
        matches!(refused, LoadError::MemoryLimit { .. }),
        "{refused}"
    );
    let second = first.beside(&EngineSettings {
        max_memory_bytes: 128 << 20,
        ..settings(2)
    });
    let second = second.unwrap();
    assert!(second.load(&bytes, &large).is_ok());
    assert!(first.load(&bytes, &env()).is_ok());
    assert_eq!(first.compilation_counts().now().compiled, 2);
    assert_eq!(second.compilation_counts().now().compiled, 2);
}
