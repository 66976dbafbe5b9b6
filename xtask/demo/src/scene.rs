//! What takes part: the example handlers with their topics, as `examples/pelton.toml` configures them.

use std::path::PathBuf;

/// Partitions of each topic on the embedded broker.
pub const PARTITIONS: i32 = 4;

/// An example handler and the topics around it.
#[derive(Debug, PartialEq, Eq)]
pub struct Handler {
    /// Its name in the configuration; its sources are in `examples/<name>`.
    pub name: &'static str,
    /// Its consumer group.
    pub group: &'static str,
    /// The topic it reads.
    pub input: &'static str,
    /// The topics it writes.
    pub outputs: &'static [&'static str],
    /// Where its dead letters go.
    pub dead: &'static str,
}

/// Everyone who takes part.
pub const HANDLERS: &[Handler] = &[
    Handler {
        name: "order-processing",
        group: "order-processing-service",
        input: "order-events",
        outputs: &["notifications", "order-audit"],
        dead: "order-events.dead",
    },
    Handler {
        name: "user-events",
        group: "user-events-service",
        input: "user-events",
        outputs: &["user-activity"],
        dead: "user-events.dead",
    },
];

impl Handler {
    /// The folder of its sources.
    pub fn source(&self) -> PathBuf {
        root().join("examples").join(self.name)
    }

    /// The component that the configuration names.
    pub fn component(&self) -> PathBuf {
        let file = format!("{}.wasm", self.name.replace('-', "_"));
        root().join("examples").join(file)
    }

    /// Whether a topic is one that it writes, dead letters included.
    pub fn writes(&self, topic: &str) -> bool {
        self.outputs.contains(&topic) || self.dead == topic
    }

    /// The handler that reads a topic.
    pub fn reading(topic: &str) -> Option<&'static Self> {
        HANDLERS.iter().find(|handler| handler.input == topic)
    }

    /// The handler that writes a topic.
    pub fn writing(topic: &str) -> Option<&'static Self> {
        HANDLERS.iter().find(|handler| handler.writes(topic))
    }
}

/// The topics that handlers read.
pub fn inputs() -> Vec<&'static str> {
    HANDLERS.iter().map(|handler| handler.input).collect()
}

/// The topics that handlers write.
pub fn outputs() -> Vec<&'static str> {
    let written = |handler: &Handler| [handler.outputs, &[handler.dead]].concat();
    HANDLERS.iter().flat_map(written).collect()
}

/// The configuration that the daemon runs with.
pub fn config() -> PathBuf {
    root().join("examples/pelton.toml")
}

/// The repository's root.
pub fn root() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).map_or(own.clone(), PathBuf::from)
}
