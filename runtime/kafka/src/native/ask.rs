//! What the brokers can be asked.
#![expect(unsafe_code, reason = "librdkafka's clients are C objects")]

use std::{collections::BTreeMap, ffi::CString, ptr, slice, time::Duration};

use pelton_types::{Offset, TopicPartition};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka_sys as sys;

use super::{
    Client, ListRef,
    client::{check, millis},
    codes,
    event::text,
};

impl Client {
    /// Asks for the oldest message's offset and that after the newest one that a consumer may read.
    pub(crate) fn query_range(
        &self,
        partition: &TopicPartition,
        timeout: Duration,
    ) -> Result<(Offset, Offset), Code> {
        let Ok(topic) = CString::new(&*partition.topic) else {
            return Err(Code::UnknownTopic);
        };
        let (mut low, mut high) = (-1, -1);
        // SAFETY: the client is alive, the name is copied.
        codes::check(unsafe {
            codes::rd_kafka_query_watermark_offsets(
                self.ptr(),
                topic.as_ptr(),
                partition.partition,
                &mut low,
                &mut high,
                millis(timeout),
            )
        })?;
        Ok((low, high))
    }

    /// Takes the list's offsets for times, in milliseconds since 1970, and fills in those of the first messages that
    /// are not older; -1 where all are.
    pub(crate) fn offsets_at(&self, times: &ListRef<'_>, timeout: Duration) -> Result<(), Code> {
        // SAFETY: client and list are alive.
        codes::check(unsafe {
            codes::rd_kafka_offsets_for_times(self.ptr(), times.ptr(), millis(timeout))
        })
    }

    /// The offset after the newest message, as last heard of; `None` before the first fetch.
    pub(crate) fn cached_high(&self, partition: &TopicPartition) -> Option<Offset> {
        let topic = CString::new(&*partition.topic).ok()?;
        let (mut low, mut high) = (-1, -1);
        // SAFETY: the client is alive, the name is copied.
        check(unsafe {
            sys::rd_kafka_get_watermark_offsets(
                self.ptr(),
                topic.as_ptr(),
                partition.partition,
                &mut low,
                &mut high,
            )
        })
        .ok()?;
        (high >= 0).then_some(high)
    }

    /// The cluster's topics with their number of partitions.
    pub(crate) fn topics(&self, timeout: Duration) -> Result<BTreeMap<String, i32>, Code> {
        let mut metadata: *const sys::rd_kafka_metadata_t = ptr::null();
        // SAFETY: the client is alive. What it fills in is ours to destroy, which happens after everything
        // in it was copied; its arrays are as long as it says.
        unsafe {
            codes::check(codes::rd_kafka_metadata(
                self.ptr(),
                1,
                ptr::null_mut(),
                &mut metadata,
                millis(timeout),
            ))?;
            let count = usize::try_from((*metadata).topic_cnt).unwrap_or(0);
            let topics = if count == 0 {
                &[]
            } else {
                slice::from_raw_parts((*metadata).topics, count)
            };
            let found = topics
                .iter()
                .filter(|topic| codes::of_field(&raw const topic.err).is_none())
                .map(|topic| (text(topic.topic).into_owned(), topic.partition_cnt))
                .collect();
            sys::rd_kafka_metadata_destroy(metadata);
            Ok(found)
        }
    }

    /// Whether any broker answers.
    pub(crate) fn is_reachable(&self, timeout: Duration) -> bool {
        let mut metadata: *const sys::rd_kafka_metadata_t = ptr::null();
        // SAFETY: the client is alive; what it fills in is ours to destroy.
        unsafe {
            let asked = codes::rd_kafka_metadata(
                self.ptr(),
                0,
                ptr::null_mut(),
                &mut metadata,
                millis(timeout),
            );
            if !metadata.is_null() {
                sys::rd_kafka_metadata_destroy(metadata);
            }
            codes::named(asked).is_none()
        }
    }
}
