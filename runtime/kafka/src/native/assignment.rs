//! What a consumer is assigned, and how far it has come with it.
#![expect(unsafe_code, reason = "librdkafka's clients are C objects")]

use std::ptr;

use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka_sys as sys;

use super::{
    Client, ListRef, Queue,
    client::{check, take_error},
    event::text,
};

impl Client {
    pub(crate) fn subscribe(&self, topics: &ListRef<'_>) -> Result<(), Code> {
        // SAFETY: client and list are alive; the list is copied.
        check(unsafe { sys::rd_kafka_subscribe(self.ptr(), topics.ptr()) })
    }

    /// Whether rebalances touch only the partitions they name.
    pub(crate) fn is_cooperative(&self) -> bool {
        // SAFETY: the client is alive; the string is static or null.
        unsafe { text(sys::rd_kafka_rebalance_protocol(self.ptr())) == "COOPERATIVE" }
    }

    /// Whether the assignment belongs to someone else already.
    pub(crate) fn assignment_lost(&self) -> bool {
        // SAFETY: the client is alive.
        unsafe { sys::rd_kafka_assignment_lost(self.ptr()) != 0 }
    }

    /// Replaces the assignment; `None` empties it.
    pub(crate) fn assign(&self, partitions: Option<&ListRef<'_>>) -> Result<(), String> {
        let list = partitions.map_or(ptr::null_mut(), ListRef::ptr);
        // SAFETY: client and list are alive; the list is copied.
        check(unsafe { sys::rd_kafka_assign(self.ptr(), list) }).map_err(|code| code.to_string())
    }

    pub(crate) fn incremental_assign(&self, partitions: &ListRef<'_>) -> Result<(), String> {
        // SAFETY: client and list are alive; the list is copied, and the error returned is ours.
        unsafe {
            take_error(sys::rd_kafka_incremental_assign(
                self.ptr(),
                partitions.ptr(),
            ))
        }
    }

    pub(crate) fn incremental_unassign(&self, partitions: &ListRef<'_>) -> Result<(), String> {
        // SAFETY: client and list are alive; the list is copied, and the error returned is ours.
        unsafe {
            take_error(sys::rd_kafka_incremental_unassign(
                self.ptr(),
                partitions.ptr(),
            ))
        }
    }

    pub(crate) fn pause(&self, partitions: &ListRef<'_>) -> Result<(), Code> {
        // SAFETY: client and list are alive; errors are filled into the list.
        check(unsafe { sys::rd_kafka_pause_partitions(self.ptr(), partitions.ptr()) })
    }

    pub(crate) fn resume(&self, partitions: &ListRef<'_>) -> Result<(), Code> {
        // SAFETY: client and list are alive; errors are filled into the list.
        check(unsafe { sys::rd_kafka_resume_partitions(self.ptr(), partitions.ptr()) })
    }

    /// Fills the positions, that is the offsets after the last message handed out, into the list.
    pub(crate) fn position(&self, partitions: &ListRef<'_>) -> Result<(), Code> {
        // SAFETY: client and list are alive.
        check(unsafe { sys::rd_kafka_position(self.ptr(), partitions.ptr()) })
    }

    /// Asks to commit the list's offsets; the answer comes to `answers` under this number.
    pub(crate) fn commit(
        &self,
        offsets: &ListRef<'_>,
        answers: &Queue,
        number: usize,
    ) -> Result<(), Code> {
        // SAFETY: client, list and queue are alive; the list is copied, and the opaque pointer is only a number.
        check(unsafe {
            sys::rd_kafka_commit_queue(
                self.ptr(),
                offsets.ptr(),
                answers.ptr(),
                None,
                number as *mut _,
            )
        })
    }
}
