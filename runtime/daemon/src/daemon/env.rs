//! What a handler's configuration means to the engine and to the machine of its revisions.

use std::num::NonZeroU64;

use pelton_config::Handler;
use pelton_engine::{Grants, HandlerEnv, Isolation, Limits};

/// What a handler's guests may use up, and its settings.
pub fn handler_env(handler: &Handler) -> HandlerEnv {
    let limits = &handler.limits;
    HandlerEnv {
        name: handler.name.clone(),
        limits: Limits {
            memory_bytes: usize::try_from(limits.memory.get()).unwrap_or(usize::MAX),
            table_elements: limits.table_elements.get() as usize,
            time_per_message: limits.time_per_message,
            output_messages: limits.output_messages.get(),
            output_bytes: limits.output_bytes.get() as usize,
            host_call_bytes: limits.host_call_bytes.get() as usize,
            http_requests: limits.http_requests.get(),
            http_body_bytes: limits.http_body_bytes.get() as usize,
            log_lines: limits.log_lines.get(),
            log_line_bytes: limits.log_line_bytes.get() as usize,
        },
        grants: Grants {
            http: handler.grants.http.clone(),
            http_private: handler.grants.http_private.clone(),
        },
        isolation: match handler.isolation {
            pelton_config::Isolation::Instance => Isolation::Instance,
            pelton_config::Isolation::Message => Isolation::Message,
        },
        settings: handler
            .settings
            .as_map()
            .iter()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
    }
}

/// How a handler's new revisions are watched.
pub(super) fn probation(config: pelton_config::Probation) -> pelton_revisions::Probation {
    pelton_revisions::Probation {
        time: config.time,
        messages: config.messages.map(NonZeroU64::from),
        votes: config.votes,
    }
}

#[cfg(test)]
mod tests;
