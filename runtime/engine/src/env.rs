//! What a handler's configuration means to the engine.

use std::time::Duration;

use pelton_types::Origin;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What one instance of a handler, or one message in it, may take at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of linear memory, all memories of an instance together.
    pub memory_bytes: usize,
    /// Elements of each table.
    pub table_elements: usize,
    /// How long a message may take: running and waiting for the host, but not waiting for a CPU.
    /// Instantiation and set-up of an instance have the same limit each.
    pub time_per_message: Duration,
    /// Outputs of one message.
    pub output_messages: u32,
    /// Bytes of keys, values and headers of all outputs of one message together, and 32 more for each header.
    pub output_bytes: usize,
    /// Bytes that the guest may hand to the host in one call, and in what it returns.
    pub host_call_bytes: usize,
    /// HTTP requests under way at once, all instances together.
    pub http_requests: u32,
    /// Bytes of the body of one HTTP request, and of one answer.
    pub http_body_bytes: usize,
    /// Lines for the log within a second, all instances together.
    pub log_lines: u32,
    /// Bytes of a line; the rest is cut.
    pub log_line_bytes: usize,
}

/// How long an instance is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Isolation {
    /// From message to message, as long as it is sound.
    Instance,
    /// For one message: nothing is left of it for the next.
    Message,
}

/// What a handler may reach beyond its messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// Origins of HTTP requests, whose names must stand for public addresses.
    pub http: Vec<Origin>,
    /// Origins of HTTP requests, whose names may stand for private addresses too.
    pub http_private: Vec<Origin>,
}

impl Grants {
    /// Whether there is any of HTTP.
    pub(crate) fn any_http(&self) -> bool {
        !self.http.is_empty() || !self.http_private.is_empty()
    }
}

/// What a component runs with: together with its bytes it makes a revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandlerEnv {
    /// The handler's name, as it stands in its log lines. Not part of the revision's identity.
    pub name: String,
    /// What it may take.
    pub limits: Limits,
    /// What it may reach beyond its messages.
    pub grants: Grants,
    /// How long an instance is used.
    pub isolation: Isolation,
    /// What it reads through `pelton:handler/settings`, sorted by key.
    pub settings: Vec<(String, String)>,
}

impl HandlerEnv {
    /// The digest of everything in it that makes a component behave as it does. Lengths stand before texts, so that
    /// different ones never have the same bytes. Every field is named: one that is new doesn't compile until it has its
    /// place here.
    pub fn digest(&self) -> [u8; 32] {
        let Self {
            name: _,
            limits,
            grants: Grants { http, http_private },
            isolation,
            settings,
        } = self;
        let Limits {
            memory_bytes,
            table_elements,
            time_per_message,
            output_messages,
            output_bytes,
            host_call_bytes,
            http_requests,
            http_body_bytes,
            log_lines,
            log_line_bytes,
        } = limits;
        let mut hash = Sha256::new();
        for number in [
            *memory_bytes as u128,
            *table_elements as u128,
            time_per_message.as_nanos(),
            u128::from(*output_messages),
            *output_bytes as u128,
            *host_call_bytes as u128,
            u128::from(*http_requests),
            *http_body_bytes as u128,
            u128::from(*log_lines),
            *log_line_bytes as u128,
            u128::from(*isolation == Isolation::Message),
            http.len() as u128,
            http_private.len() as u128,
            settings.len() as u128,
        ] {
            hash.update(number.to_le_bytes());
        }
        let origins = http.iter().chain(http_private);
        let origins: Vec<String> = origins.map(ToString::to_string).collect();
        let settings = settings.iter().flat_map(|(key, value)| [key, value]);
        for text in origins.iter().chain(settings) {
            hash.update((text.len() as u128).to_le_bytes());
            hash.update(text);
        }
        hash.finalize().into()
    }
}
