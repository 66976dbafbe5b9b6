//! The programs that are compared. Each gets the same input, and is a process of its own that is watched from outside.

mod own;
mod peer;

pub use peer::Peer;

use anyhow::{Result, bail};
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
    /// What others would use.
    Peer(Peer),
}

/// The name of the program that the others are held against.
pub const MEASURE: &str = "loop";

/// All of them.
pub const PROGRAMS: [Program; 11] = [
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
    Program {
        name: "streams",
        about: "Kafka Streams, at_least_once",
        kind: Kind::Peer(streams("at-least-once")),
    },
    Program {
        name: "streams-exactly-once",
        about: "Kafka Streams, exactly_once_v2",
        kind: Kind::Peer(streams("exactly-once")),
    },
    Program {
        name: "python",
        about: "confluent-kafka and orjson (Python)",
        kind: Kind::Peer(Peer {
            folder: "python",
            toolchain: ("python3 -m venv --help", "Python 3 with venv"),
            install: &[
                "python3 -m venv .",
                "bin/pip install --quiet --no-deps -r requirements.txt",
            ],
            start: "{here}/bin/python {here}/main.py",
            guarantee: "at-least-once",
        }),
    },
    Program {
        name: "franz-go",
        about: "franz-go (Go)",
        kind: Kind::Peer(Peer {
            folder: "franz",
            toolchain: ("go version", "Go 1.26"),
            install: &["go build -o franz ."],
            start: "{here}/franz",
            guarantee: "at-least-once",
        }),
    },
    Program {
        name: "kafkajs",
        about: "KafkaJS (Node)",
        kind: Kind::Peer(Peer {
            folder: "kafkajs",
            toolchain: ("npm --version", "Node with npm"),
            install: &[NPM],
            start: "node {here}/main.js",
            guarantee: "at-least-once",
        }),
    },
    Program {
        name: "platformatic",
        about: "@platformatic/kafka (Node)",
        kind: Kind::Peer(Peer {
            folder: "platformatic",
            toolchain: ("npm --version", "Node with npm"),
            install: &[NPM],
            start: "{here}/node_modules/node/bin/node {here}/main.js",
            guarantee: "at-least-once",
        }),
    },
];

const NPM: &str = "npm ci --no-audit --no-fund --loglevel=error";

/// Kafka Streams with the heap that a small service would be given: it takes whatever it gets.
const fn streams(guarantee: &'static str) -> Peer {
    Peer {
        folder: "streams",
        toolchain: ("javac -version", "a JDK of version 17, and Maven"),
        install: &[
            "mvn -q -B -ntp dependency:copy-dependencies -DoutputDirectory=libs",
            "javac -cp libs/* -d classes Main.java",
        ],
        start: "java -Xmx512m -cp {here}/classes:{here}/libs/* Main",
        guarantee,
    }
}

impl Program {
    /// What the others are held against.
    pub fn measure() -> &'static Self {
        let [measure, ..] = &PROGRAMS;
        measure
    }

    /// Installs it, if it isn't a part of this repository.
    ///
    /// # Errors
    /// Why it can't run on this machine.
    pub fn install(&self) -> Result<()> {
        let Kind::Peer(peer) = &self.kind else {
            return Ok(());
        };
        if let Some(lack) = peer.lack() {
            bail!("{}: {lack}", self.name);
        }
        peer.install()
    }

    /// Starts it.
    ///
    /// # Errors
    /// When it isn't built.
    pub fn start(&self, place: &Place<'_>) -> Result<TestDaemon> {
        match &self.kind {
            Kind::Peer(peer) => peer.start(place),
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
