//! The calls of a transactional producer. All of them block: never on an async runtime.
#![expect(unsafe_code, reason = "librdkafka's transactions are C functions")]

use std::{ptr::NonNull, sync::Arc, time::Duration};

use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka_sys as sys;

use super::{Client, ListRef, client::millis, codes, event::text};

/// Why a call failed.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) text: String,
    /// The producer is over.
    pub(crate) fatal: bool,
    /// The same call may be made again.
    pub(crate) retriable: bool,
    /// The transaction has to be aborted.
    pub(crate) abortable: bool,
}

/// Who a consumer is in its group, as of one moment.
pub(crate) struct GroupMetadata {
    ptr: NonNull<sys::rd_kafka_consumer_group_metadata_t>,
}

impl Drop for GroupMetadata {
    fn drop(&mut self) {
        // SAFETY: made by `Client::group_metadata`, destroyed only here.
        unsafe { sys::rd_kafka_consumer_group_metadata_destroy(self.ptr.as_ptr()) }
    }
}

impl GroupMetadata {
    /// Whether it names a member and a generation. Brokers take offsets from anyone who names neither.
    pub(crate) fn is_member(&self) -> bool {
        // SAFETY: the object is alive, and so is its string.
        unsafe {
            let generation = sys::rd_kafka_consumer_group_metadata_generation_id(self.ptr.as_ptr());
            let member = text(sys::rd_kafka_consumer_group_metadata_member_id(
                self.ptr.as_ptr(),
            ));
            generation >= 0 && !member.is_empty()
        }
    }
}

impl Client {
    /// Who this consumer is in its group right now.
    pub(crate) fn group_metadata(&self) -> Option<GroupMetadata> {
        // SAFETY: the client is alive; what is returned is ours, or null for a client without a group.
        let ptr = unsafe { sys::rd_kafka_consumer_group_metadata(self.ptr()) };
        NonNull::new(ptr).map(|ptr| GroupMetadata { ptr })
    }

    /// Gets an epoch from the coordinator, which ends whatever an earlier producer of the same id left.
    pub(crate) fn init_transactions(&self, timeout: Duration) -> Result<(), Failure> {
        // SAFETY: the client is alive; the error returned is ours.
        unsafe { taken(sys::rd_kafka_init_transactions(self.ptr(), millis(timeout))) }
    }

    pub(crate) fn begin_transaction(&self) -> Result<(), Failure> {
        // SAFETY: the client is alive; the error returned is ours.
        unsafe { taken(sys::rd_kafka_begin_transaction(self.ptr())) }
    }

    pub(crate) fn send_offsets(
        &self,
        offsets: &ListRef<'_>,
        group: &GroupMetadata,
        timeout: Duration,
    ) -> Result<(), Failure> {
        // SAFETY: client, list and metadata are alive and copied; the error returned is ours.
        unsafe {
            taken(sys::rd_kafka_send_offsets_to_transaction(
                self.ptr(),
                offsets.ptr(),
                group.ptr.as_ptr(),
                millis(timeout),
            ))
        }
    }

    pub(crate) fn commit_transaction(&self, timeout: Duration) -> Result<(), Failure> {
        // SAFETY: the client is alive; the error returned is ours.
        unsafe {
            taken(sys::rd_kafka_commit_transaction(
                self.ptr(),
                millis(timeout),
            ))
        }
    }

    pub(crate) fn abort_transaction(&self, timeout: Duration) -> Result<(), Failure> {
        // SAFETY: the client is alive; the error returned is ours.
        unsafe { taken(sys::rd_kafka_abort_transaction(self.ptr(), millis(timeout))) }
    }

    /// Why the transaction has to be aborted, where librdkafka says so by itself: it doesn't begin another then.
    pub(crate) fn transaction_failure(&self) -> Option<Failure> {
        self.begin_transaction()
            .err()
            .filter(|failure| failure.abortable || failure.fatal)
    }

    /// Those of these topics that this client may not write to, as far as the brokers tell.
    pub(crate) fn denied_topics(
        self: &Arc<Self>,
        topics: &[String],
        timeout: Duration,
    ) -> Vec<String> {
        super::describe::denied(self, topics, timeout)
    }
}

/// What an error object says.
///
/// # Safety
/// It must be null or an error that nobody else destroys.
unsafe fn taken(error: *mut sys::rd_kafka_error_t) -> Result<(), Failure> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: not null, and ours; destroyed after its text was copied.
    unsafe {
        let failure = Failure {
            code: codes::of_error(error),
            text: text(sys::rd_kafka_error_string(error)).into_owned(),
            fatal: sys::rd_kafka_error_is_fatal(error) != 0,
            retriable: sys::rd_kafka_error_is_retriable(error) != 0,
            abortable: sys::rd_kafka_error_txn_requires_abort(error) != 0,
        };
        sys::rd_kafka_error_destroy(error);
        Err(failure)
    }
}
