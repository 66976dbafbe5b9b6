//! A corpus of hostile components and files: whatever it is, it is refused or its message fails, with the right
//! error, and nothing else happens. The entries are data, text that is made into files when the test runs; what
//! must come of each stands beside it.
//!
//! Files that only a file system makes (links in a circle, files that change while they are read) are with who
//! reads them: `runtime/daemon/src/component/file.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy's leave for tests does not reach their helpers"
)]

mod answers;
mod corpus;
mod entry;
mod files;
mod flips;
mod floods;
mod guest;
mod loops;
mod memory;
mod results;
mod rounds;
mod traps;
mod wasi;
mod watch;

use std::collections::HashSet;

use corpus::corpus;
use entry::{Came, check};

#[test]
fn every_entry_has_a_name_of_its_own() {
    let corpus = corpus();
    let names: HashSet<&str> = corpus.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names.len(), corpus.len());
    assert!(corpus.len() >= 221, "{} entries", corpus.len());
}

/// The checker's own control: it objects to what must not come of an entry.
#[test]
fn the_checker_objects() {
    let expected = entry::entry("e", Vec::new(), "failed trap", "unreachable");
    let came = |what: &str, says: &str| Came {
        what: what.to_owned(),
        says: says.to_owned(),
    };
    assert_eq!(
        check(&expected, &came("failed trap", "wasm `unreachable`")),
        Ok(())
    );
    for wrong in [
        came("failed time-limit", "unreachable"),
        came("done 1", ""),
        came("nothing", ""),
        came("failed trap", "out of bounds"),
        came("failed trap", "unreachable\n2026 ERROR forged"),
        came("failed trap", &format!("unreachable{}", "x".repeat(10_000))),
    ] {
        let objection = check(&expected, &wrong).unwrap_err();
        assert!(objection.starts_with("e: "), "{objection}");
    }
}
