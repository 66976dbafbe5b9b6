//! What a handler's configuration asks of the machines of its partitions, and of its member's.

use pelton_config as config;
use pelton_dispatch::{Guarantee, OnExhausted, Order, Policy, Retry, TransactionPolicy};

use crate::budget::HandlerShare;

/// What a broker takes as the metadata of a commit (`offset.metadata.max.bytes`), by default.
const METADATA_BYTES: u32 = 4096;

pub(super) fn policy(handler: &config::Handler, share: HandlerShare) -> Policy {
    Policy {
        guarantee: match handler.guarantee {
            config::Guarantee::AtLeastOnce => Guarantee::AtLeastOnce,
            config::Guarantee::ExactlyOnce => Guarantee::ExactlyOnce,
        },
        retry: Retry {
            attempts: handler.retry.attempts,
            backoff: handler.retry.backoff,
            max_backoff: handler.retry.max_backoff,
            jitter_percent: handler.retry.jitter_percent,
            jitter_seed: u64::from(std::process::id()),
        },
        on_exhausted: match handler.on_exhausted {
            config::OnExhausted::DeadLetter { .. } => OnExhausted::DeadLetter,
            config::OnExhausted::Skip => OnExhausted::Skip,
            config::OnExhausted::Stop => OnExhausted::Stop,
        },
        order: match handler.order {
            config::Order::Partition => Order::Partition,
            config::Order::Key => Order::Key,
            config::Order::None => Order::None,
        },
        in_flight: handler.in_flight,
        calls: handler.limits.instances,
        batch_messages: handler.batch.messages,
        batch_bytes: handler.batch.bytes.get().min(share.batch()),
        batch_target: handler.batch.target_time,
        buffer_messages: handler.buffer.messages,
        buffer_bytes: handler.buffer.bytes.get(),
        commit_interval: handler.commit_interval,
        metadata_bytes: METADATA_BYTES,
    }
}

/// The same for its member's transactions.
pub(super) fn transactions(handler: &config::Handler) -> TransactionPolicy {
    TransactionPolicy {
        interval: handler.commit_interval,
        messages: handler.transaction.messages.get(),
        bytes: u64::from(handler.transaction.bytes.get()),
        timeout: handler.transaction.timeout,
    }
}
