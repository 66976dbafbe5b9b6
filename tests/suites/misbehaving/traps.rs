//! A trap is told with the functions it happened in, the last lines of the handler's log and the revision: in the dead
//! letter, in the daemon's log and in its status. A stripped component's names and lines come from the file beside it.

use std::fs;

use anyhow::{Context, Result, ensure};
use pelton_harness::{Stage, TestCluster, component, paths};
use serde_json::Value;

use crate::{Buried, SHORT, dead_letters_of, is_logged_alike, says};

/// Where the guest's component comes from, and the function that a trap is told with.
struct Case {
    name: &'static str,
    stripped: bool,
    debug_beside: bool,
    function: Option<&'static str>,
}

const CASES: [Case; 3] = [
    // All of the guest's code is one function for WebAssembly.
    Case {
        name: "named",
        stripped: false,
        debug_beside: false,
        function: Some(", in pelton:handler/packed-handler@0.1.0#handle"),
    },
    Case {
        name: "sidecar",
        stripped: true,
        debug_beside: true,
        function: Some(", in trap ("),
    },
    Case {
        name: "nameless",
        stripped: true,
        debug_beside: false,
        function: None,
    },
];

/// Traps twice, in messages that log something before.
fn traps(case: &Case) -> Result<Buried> {
    let stage = Stage::new(TestCluster::shared(), case.name, 1)?;
    let options = stage.daemon("misbehave", SHORT)?;
    let file = options.folder().join("misbehave.wasm");
    if case.stripped {
        let bytes = component::without_names(&fs::read(&file)?).context("a core module")?;
        fs::write(&file, bytes)?;
    }
    if case.debug_beside {
        fs::copy(
            paths::guest("misbehave.debug")?,
            file.with_extension("debug.wasm"),
        )?;
    }
    dead_letters_of(stage, options, &["trap:before one", "trap:before two"])
}

/// The line of the guest's source with this text, as a backtrace tells it.
fn place_of(text: &str) -> Result<String> {
    let source = paths::repository().join("tests/guests/misbehave/src/lib.rs");
    let source = fs::read_to_string(source)?;
    let line = source.lines().position(|line| line.contains(text));
    let line = line.with_context(|| format!("no {text:?} in the guest"))?;
    Ok(format!("misbehave/src/lib.rs:{}:", line + 1))
}

#[test]
fn a_trap_is_told_with_its_functions_its_last_words_and_its_revision() -> Result<()> {
    let place = place_of("panic!(\"as told\")")?;
    for case in CASES {
        let Buried {
            stage,
            daemon,
            letters,
        } = traps(&case)?;
        let text = says(&letters[1], "error-text")?;
        for letter in &letters {
            assert_eq!(says(letter, "error-kind")?, "trap");
            is_logged_alike(&daemon, letter)?;
        }
        // The panic's own message has the place too, whatever is known of the component.
        let (trap, words) = text.split_once("; its last words: ").context("no words")?;
        ensure!(
            words.contains("before two / panicked at") && !words.contains("before one"),
            "{}: {words}",
            case.name
        );
        let named = case.function.unwrap_or("handle");
        assert_eq!(
            (trap.contains(named), trap.contains(&place)),
            (case.function.is_some(), case.debug_beside),
            "{}: {trap}",
            case.name
        );
        let status = daemon.get(&format!("/v1/handlers/{}/revisions", stage.handler))?;
        let status: Value = serde_json::from_str(&status.body)?;
        assert_eq!(status["last-fault"]["text"], text.as_str());
        assert_eq!(
            status["running"]["revision"],
            says(&letters[1], "revision")?.as_str()
        );
    }
    Ok(())
}
