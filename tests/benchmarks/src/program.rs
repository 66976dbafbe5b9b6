//! The programs that are compared. Each gets the same input, and is a process of its own that is watched from outside.

mod own;

use anyhow::Result;
use pelton_harness::TestDaemon;

use crate::{options::Work, place::Place};

/// One of them.
#[derive(Debug)]
pub struct Program {
    /// What `--only` takes.
    pub name: &'static str,
    /// What it is, for the table.
    pub about: &'static str,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// `pelton run` with this guest for passthrough and that for enrich.
    Pelton {
        passthrough: &'static str,
        enrich: &'static str,
        guarantee: &'static str,
    },
    /// The hand-written loop, so many times in one process.
    Loop(usize),
}

/// The name of the program that the others are held against.
pub const MEASURE: &str = "loop";

/// All of them.
pub const PROGRAMS: [Program; 5] = [
    Program {
        name: MEASURE,
        about: "hand-written rdkafka loop",
        kind: Kind::Loop(1),
    },
    Program {
        name: "loop-two",
        about: "the same, two loops",
        kind: Kind::Loop(2),
    },
    Program {
        name: "pelton",
        about: "Pelton, SDK plugin",
        kind: Kind::Pelton {
            passthrough: "passthrough",
            enrich: "bench_enrich",
            guarantee: "at-least-once",
        },
    },
    Program {
        name: "pelton-simple",
        about: "Pelton, one message a call",
        kind: Kind::Pelton {
            passthrough: "bench_simple_passthrough",
            enrich: "bench_simple_enrich",
            guarantee: "at-least-once",
        },
    },
    Program {
        name: "pelton-exactly-once",
        about: "Pelton, SDK plugin, exactly-once",
        kind: Kind::Pelton {
            passthrough: "passthrough",
            enrich: "bench_enrich",
            guarantee: "exactly-once",
        },
    },
];

impl Program {
    /// Starts it.
    ///
    /// # Errors
    /// When it isn't built.
    pub fn start(&self, place: &Place<'_>) -> Result<TestDaemon> {
        match &self.kind {
            Kind::Loop(loops) => own::hand_written(place, *loops),
            Kind::Pelton {
                passthrough,
                enrich,
                guarantee,
            } => {
                let guest = match place.work {
                    Work::Passthrough => passthrough,
                    Work::Enrich => enrich,
                };
                own::pelton(place, guest, guarantee)
            }
        }
    }
}
