//! What can go wrong before a message is handled.

use std::time::Duration;

use pelton_types::Failure;
use serde::{Deserialize, Serialize};

/// The engine could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings are beyond what this machine can give, or contradict each other.
    #[error(
        "the WebAssembly engine can't be set up with {slots} instances of {max_memory_bytes} bytes \
         and stacks of {stack_bytes} bytes: {reason}; lower the memory limits or the number of calls at once"
    )]
    Settings {
        /// Instances asked for.
        slots: u32,
        /// Memory of each.
        max_memory_bytes: usize,
        /// Stack of each.
        stack_bytes: usize,
        /// What wasmtime says.
        reason: String,
    },
    /// The thread that interrupts guests could not be started.
    #[error("the thread that interrupts guests can't be started")]
    Ticker(#[source] std::io::Error),
}

/// Why bytes are not a handler that could be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoadError {
    /// No byte at all.
    #[error("the file is empty; was it still being written, or did its build fail?")]
    Empty,
    /// More bytes than are accepted.
    #[error(
        "the file has {bytes} bytes, and {limit} is the limit; strip debug information from the component or raise the limit"
    )]
    TooLarge {
        /// How many bytes.
        bytes: usize,
        /// How many are accepted.
        limit: usize,
    },
    /// The first bytes are not those of WebAssembly.
    #[error(
        "not a WebAssembly file: it begins with {begins}; point `component` at the .wasm file that the build wrote"
    )]
    NotWasm {
        /// The first bytes, as text or hexadecimal.
        begins: String,
    },
    /// It begins like WebAssembly, and then breaks off or breaks the rules.
    #[error("the WebAssembly is truncated or invalid: {reason}; build or copy the file again")]
    Invalid {
        /// What is wrong, and where.
        reason: String,
    },
    /// Nothing is wrong with it, but that an instance would take too much.
    #[error(
        "the component asks for more than an instance may have: {reason}; raise the handler's memory limit, or build \
         it with less memory from the start"
    )]
    TooDemanding {
        /// What it asks for, and what there is.
        reason: String,
    },
    /// A core module that doesn't say what its functions mean.
    #[error(
        "a core WebAssembly module without component-type information; build it with the SDK or with wit-bindgen \
         against `pelton:handler`, or make it a component with `wasm-tools component new`"
    )]
    NoComponentType,
    /// A core module that could not be made a component.
    #[error("the core WebAssembly module can't be made a component: {reason}; {hint}")]
    Encode {
        /// What the encoder says.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// The compiler was not done with it in time.
    #[error(
        "compiling it took longer than {limit:?}; build it with smaller functions, or raise `daemon.compile-timeout`"
    )]
    CompileTime {
        /// How long it could have taken.
        limit: Duration,
    },
    /// The compiler had not enough memory for it.
    #[error(
        "compiling it took more than {limit} bytes of memory; build it with smaller functions, or raise \
         `daemon.compile-memory`"
    )]
    CompileMemory {
        /// How much it could have taken.
        limit: u64,
    },
    /// The process that compiled it ended without an answer.
    #[error(
        "the compiler died of it: {how}; where the machine has memory to spare, build it with another version of \
         its tools"
    )]
    CompilerDied {
        /// How it ended, and what it said.
        how: String,
    },
    /// The process that compiles could not be started or talked to. It is not the file's fault.
    #[error(
        "the compiler `{program} compile` can't be used: {reason}; see to it that the system lets the daemon start \
         a process, then touch the file"
    )]
    CompilerUnavailable {
        /// The program.
        program: String,
        /// What the system says.
        reason: String,
    },
    /// It exports no way to handle messages.
    #[error(
        "the component is no handler: it exports neither `pelton:handler/packed-handler@0.1.x` nor \
         `pelton:handler/simple-handler@0.1.x`, but {exports}; implement one of them (the file may also be truncated)"
    )]
    NoHandler {
        /// What it exports.
        exports: String,
    },
    /// It exports the right name with the wrong content.
    #[error(
        "the component's export does not match the contract: {reason}; build it against the WIT of this version"
    )]
    Export {
        /// What does not match.
        reason: String,
    },
    /// It imports something that handlers are not given.
    #[error(
        "the component imports `{import}`, which is not granted: {remedy}; all handlers may import \
         `pelton:handler/*@0.1.x` and WASI 0.2's io, cli, clocks, random, filesystem and sockets (of which the last two \
         are empty)"
    )]
    ImportNotGranted {
        /// The import's name.
        import: String,
        /// The line of the configuration that grants it, or what to do where there is none.
        remedy: String,
    },
    /// Its grants of HTTP can't be used on this machine.
    #[error("the handler's HTTP requests could not be sent: {reason}")]
    Http {
        /// What is missing, and what to do.
        reason: String,
    },
    /// It imports something known with an unknown version, function or type.
    #[error(
        "an import of the component can't be satisfied: {reason}; build it against the WIT of this version"
    )]
    ImportMismatch {
        /// Which one, and why.
        reason: String,
    },
    /// The configured memory is more than the engine was set up for.
    #[error(
        "the handler's memory limit of {limit} bytes is more than the {max} bytes the daemon was started for; restart it to raise this"
    )]
    MemoryLimit {
        /// The handler's limit.
        limit: usize,
        /// The engine's.
        max: usize,
    },
}

/// Why a revision that loaded can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrialError {
    /// No instance could be made of it.
    #[error("the component can't be instantiated ({}): {}", .0.kind, .0.text)]
    Instantiate(Failure),
    /// Its `setup` returned an error.
    #[error("the component's set-up refused: {0}")]
    Refused(String),
    /// Its `setup` trapped or hit a limit.
    #[error("the component's set-up failed ({}): {}", .0.kind, .0.text)]
    Setup(Failure),
}
