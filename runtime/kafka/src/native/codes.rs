//! Error codes, as librdkafka hands them out.
//!
//! To C they are numbers. librdkafka passes a broker's number on as it came, and some have no name here: a Rust enum must
//! never hold one of those. So the functions and fields that may tell of one are read as numbers.
#![expect(unsafe_code, reason = "librdkafka's functions are C functions")]

use std::{
    ffi::{c_char, c_int},
    ptr,
};

use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka_sys::{self as sys, rd_kafka_resp_err_t as RespErr};

/// Those of librdkafka's functions that may return a broker's number, with the type that holds any.
mod numbers {
    use super::{c_char, c_int, sys};

    // rdkafka_sys declares them with an enum that has no room for the numbers of newer brokers.
    unsafe extern "C" {
        pub fn rd_kafka_event_error(event: *mut sys::rd_kafka_event_t) -> c_int;
        pub fn rd_kafka_error_code(error: *const sys::rd_kafka_error_t) -> c_int;
        pub fn rd_kafka_fatal_error(
            client: *mut sys::rd_kafka_t,
            text: *mut c_char,
            size: usize,
        ) -> c_int;
        pub fn rd_kafka_committed(
            client: *mut sys::rd_kafka_t,
            partitions: *mut sys::rd_kafka_topic_partition_list_t,
            millis: c_int,
        ) -> c_int;
        pub fn rd_kafka_offsets_for_times(
            client: *mut sys::rd_kafka_t,
            times: *mut sys::rd_kafka_topic_partition_list_t,
            millis: c_int,
        ) -> c_int;
        pub fn rd_kafka_query_watermark_offsets(
            client: *mut sys::rd_kafka_t,
            topic: *const c_char,
            partition: i32,
            low: *mut i64,
            high: *mut i64,
            millis: c_int,
        ) -> c_int;
        pub fn rd_kafka_metadata(
            client: *mut sys::rd_kafka_t,
            all_topics: c_int,
            topic: *mut sys::rd_kafka_topic_t,
            metadata: *mut *const sys::rd_kafka_metadata_t,
            millis: c_int,
        ) -> c_int;
    }
}

pub(crate) use numbers::*;

/// The error of this number, unless it says that there is none.
pub(crate) fn named(number: c_int) -> Option<Code> {
    RespErr::try_from(number).map_or(Some(Code::Unknown), code)
}

/// The same, as a result.
pub(super) fn check(number: c_int) -> Result<(), Code> {
    named(number).map_or(Ok(()), Err)
}

/// An error code, unless it says that there is none. Only for what librdkafka says by itself.
pub(super) fn code(err: RespErr) -> Option<Code> {
    (err != RespErr::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| Code::from(err))
}

/// The error in a field of a C struct.
///
/// # Safety
/// The field must be readable.
pub(super) unsafe fn of_field(field: *const RespErr) -> Option<Code> {
    // SAFETY: as the caller vouches; read as a number, because not each is a value of the enum.
    named(unsafe { ptr::read(field.cast::<c_int>()) })
}

/// The code of an error object.
///
/// # Safety
/// It must be alive.
pub(crate) unsafe fn of_error(error: *const sys::rd_kafka_error_t) -> Code {
    // SAFETY: as the caller vouches.
    named(unsafe { rd_kafka_error_code(error) }).unwrap_or(Code::NoError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_without_a_name_is_an_unknown_error() {
        assert_eq!(named(0), None);
        assert_eq!(named(3), Some(Code::UnknownTopicOrPartition));
        for number in [98, 109, 128, 30_000, -9_999] {
            assert_eq!(named(number), Some(Code::Unknown), "{number}");
            let field = number;
            // SAFETY: the number is readable, and read as one.
            let found = unsafe { of_field(ptr::from_ref(&field).cast()) };
            assert_eq!(found, Some(Code::Unknown));
        }
    }
}
