//! One entry of the corpus, how it is played, and whether what came of it is what must.

use std::time::Duration;

use bytes::Bytes;
use pelton_engine::{
    Call, Compiler, Curtail, Engine, EngineSettings, Grants, HandlerEnv, Isolation, Limits,
    LoadError, Outcome, Revision, TrialError,
};
use pelton_types::{Headers, Message, Timestamp, Verdict};

/// A hostile file and what must come of it.
pub struct Entry {
    pub name: String,
    pub bytes: Vec<u8>,
    /// See [`Came::what`].
    pub what: &'static str,
    /// A part of what is said about it.
    pub says: &'static str,
    /// Whether it may send HTTP requests, to where nobody is.
    pub http: bool,
}

impl Entry {
    pub fn with_http(self) -> Self {
        Self { http: true, ..self }
    }
}

/// An entry; see [`Came::what`] for what may be expected.
pub fn entry(name: &str, bytes: Vec<u8>, what: &'static str, says: &'static str) -> Entry {
    Entry {
        name: name.to_owned(),
        bytes,
        what,
        says,
        http: false,
    }
}

/// What came of an entry.
#[derive(Debug)]
pub struct Came {
    /// `refused WHY` where it didn't load, `trial KIND` where no instance could be made, `failed KIND` where the
    /// message failed, `done N` where it had so many outputs.
    pub what: String,
    /// The text of the error or failure.
    pub says: String,
}

/// An entry that was loaded, or wasn't.
pub enum Subject<'e> {
    Refused(&'e Entry),
    Loaded(&'e Entry, Revision),
}

impl<'e> Subject<'e> {
    pub fn load(engine: &Engine, entry: &'e Entry) -> Self {
        match engine.load(&entry.bytes, &env(entry)) {
            Ok(revision) => Self::Loaded(entry, revision),
            Err(_) => Self::Refused(entry),
        }
    }

    /// The revision, which must have been loaded.
    pub fn revision(self) -> Revision {
        match self {
            Self::Loaded(_, revision) => revision,
            Self::Refused(entry) => panic!("{} was refused", entry.name),
        }
    }

    /// The revision, if it was loaded.
    pub fn loaded(&self) -> Option<Revision> {
        match self {
            Self::Loaded(_, revision) => Some(revision.clone()),
            Self::Refused(_) => None,
        }
    }

    pub fn entry(&self) -> &'e Entry {
        match self {
            Self::Refused(entry) | Self::Loaded(entry, _) => entry,
        }
    }

    /// One round: what is refused is loaded again, what runs is tried and given a message.
    pub async fn play(&self, engine: &Engine) -> Came {
        let revision = match self {
            Self::Refused(entry) => match engine.load(&entry.bytes, &env(entry)) {
                Ok(revision) => revision,
                Err(error) => {
                    return Came {
                        what: format!("refused {}", why(&error)),
                        says: error.to_string(),
                    };
                }
            },
            Self::Loaded(_, revision) => revision.clone(),
        };
        if let Err(error) = revision.trial().await {
            let kind = match &error {
                TrialError::Instantiate(failure) | TrialError::Setup(failure) => {
                    failure.kind.as_str()
                }
                TrialError::Refused(_) => "refused",
            };
            return Came {
                what: format!("trial {kind}"),
                says: error.to_string(),
            };
        }
        let outcome = give(&revision, b"value").await;
        match outcome.verdict {
            Verdict::Done { outputs } => Came {
                what: format!("done {outputs}"),
                says: String::new(),
            },
            Verdict::Failed(failure) => Came {
                what: format!("failed {}", failure.kind),
                says: failure.text,
            },
            Verdict::NotAttempted => Came {
                what: "nothing".to_owned(),
                says: String::new(),
            },
        }
    }
}

/// Whether what came of an entry is what must. `survives` is met by anything, `refused` by any refusal.
pub fn check(entry: &Entry, came: &Came) -> Result<(), String> {
    let Entry {
        name, what, says, ..
    } = entry;
    if came.says.len() > 5000 {
        return Err(format!(
            "{name}: a text of {} bytes about it",
            came.says.len()
        ));
    }
    if came.says.contains(|c: char| c.is_control()) {
        return Err(format!(
            "{name}: control characters in what is said: {:?}",
            came.says
        ));
    }
    let meets = match *what {
        "survives" => true,
        "refused" => came.what.starts_with("refused "),
        what => came.what == what,
    };
    if meets && came.says.contains(says) {
        return Ok(());
    }
    Err(format!(
        "{name}: `{what}` and {says:?} must come of it, not {came:?}"
    ))
}

/// Gives one message.
pub async fn give(revision: &Revision, value: &'static [u8]) -> Outcome {
    let message = Message {
        topic: "orders".into(),
        partition: 3,
        offset: 100,
        timestamp: Timestamp::None,
        key: Some(Bytes::from_static(b"key")),
        value: Some(Bytes::from_static(value)),
        headers: Headers::default(),
    };
    let call = Call {
        messages: &[(&message, 1)],
        fresh: false,
        curtail: &Curtail::new(),
    };
    let mut outcomes = revision.call(call).await.outcomes;
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

pub fn engine(slots: u32) -> Engine {
    engine_with(slots, Compiler::InProcess)
}

pub fn engine_with(slots: u32, compiler: Compiler) -> Engine {
    Engine::new(&EngineSettings {
        slots,
        max_memory_bytes: 32 << 20,
        max_table_elements: 100_000,
        stack_bytes: 512 << 10,
        max_component_bytes: 64 << 20,
        compiler,
    })
    .unwrap()
}

/// Entries that run into the time limit get little of it; others enough to get where they go wrong on a machine
/// that is busy.
fn env(entry: &Entry) -> HandlerEnv {
    let short = entry.what.ends_with("time-limit") || entry.what == "survives";
    let time = match short {
        true => Duration::from_millis(50),
        false => Duration::from_secs(3),
    };
    HandlerEnv {
        name: entry.name.clone(),
        limits: Limits {
            memory_bytes: 16 << 20,
            table_elements: 10_000,
            time_per_message: time,
            output_messages: 1000,
            output_bytes: 1 << 20,
            host_call_bytes: 16 << 20,
            http_requests: 4,
            http_body_bytes: 1 << 20,
            log_lines: 1000,
            log_line_bytes: 4096,
        },
        grants: Grants {
            http: Vec::new(),
            http_private: match entry.http {
                true => vec!["http://127.0.0.1:1".parse().unwrap()],
                false => Vec::new(),
            },
        },
        isolation: Isolation::Instance,
        settings: vec![("key".to_owned(), "x".repeat(1000))],
    }
}

fn why(error: &LoadError) -> &'static str {
    match error {
        LoadError::Empty => "empty",
        LoadError::TooLarge { .. } => "too-large",
        LoadError::NotWasm { .. } => "not-wasm",
        LoadError::Invalid { .. } => "invalid",
        LoadError::TooDemanding { .. } => "too-demanding",
        LoadError::NoComponentType => "no-component-type",
        LoadError::Encode { .. } => "encode",
        LoadError::CompileTime { .. } => "compile-time",
        LoadError::CompileMemory { .. } => "compile-memory",
        LoadError::CompilerDied { .. } => "compiler-died",
        LoadError::CompilerUnavailable { .. } => "compiler-unavailable",
        LoadError::NoHandler { .. } => "no-handler",
        LoadError::Export { .. } => "export",
        LoadError::ImportNotGranted { .. } => "import-not-granted",
        LoadError::ImportMismatch { .. } => "import-mismatch",
        LoadError::Http { .. } => "http",
        LoadError::MemoryLimit { .. } => "memory-limit",
    }
}
