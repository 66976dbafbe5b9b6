//! Whose fault it is that an output was not written.

use rdkafka::types::RDKafkaErrorCode as Code;

/// Whether a broker's thread must not go on, because the producer has failed rather than the message. Of a partition
/// that isn't there it can't be told by the code alone, and librdkafka holds a lock when it says so.
pub(super) fn ends_the_producer(code: Code) -> bool {
    !is_purged(code) && !is_permanent(code, true)
}

/// Whether it was given up rather than refused.
pub(super) fn is_purged(code: Code) -> bool {
    matches!(
        code,
        Code::PurgeQueue | Code::PurgeInflight | Code::BrokerDestroy
    )
}

/// Whether the message will always be refused. A topic that isn't there, or has lost the partition that a key went to,
/// is no fault of the message: whoever begins anew waits for it.
pub(super) fn is_permanent(code: Code, fixed_partition: bool) -> bool {
    match code {
        Code::UnknownPartition => fixed_partition,
        Code::MessageSizeTooLarge
        | Code::InvalidMessageSize
        | Code::MessageBatchTooLarge
        | Code::TopicAuthorizationFailed
        | Code::InvalidTopic
        | Code::InvalidRecord
        | Code::InvalidTimestamp
        | Code::PolicyViolation
        | Code::UnsupportedForMessageFormat => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_partition_is_the_fault_of_a_message_that_asked_for_it() {
        assert!(is_permanent(Code::UnknownPartition, true));
        assert!(!is_permanent(Code::UnknownPartition, false));
        assert!(
            !ends_the_producer(Code::UnknownPartition),
            "no thread waits"
        );
    }

    #[test]
    fn an_error_without_a_name_is_the_producers() {
        assert!(ends_the_producer(Code::Unknown));
        assert!(!ends_the_producer(Code::PurgeQueue));
        assert!(!ends_the_producer(Code::MessageSizeTooLarge));
    }
}
