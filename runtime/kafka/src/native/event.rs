//! What a queue hands out: messages, rebalances, answers to commits, delivery reports, errors, log lines.
#![expect(unsafe_code, reason = "librdkafka's events and messages are C structs")]

use std::{
    borrow::Cow,
    ffi::{CStr, c_char, c_int, c_void},
    marker::PhantomData,
    ptr, slice,
};

use pelton_types::{Offset, Timestamp};
use rdkafka::{config::RDKafkaLogLevel, types::RDKafkaErrorCode as Code};
use rdkafka_sys::{
    self as sys, rd_kafka_resp_err_t as RespErr, rd_kafka_timestamp_type_t as TimestampType,
};

use super::{ListRef, codes};

/// What is wrong with a message.
///
/// # Safety
/// The message must be alive.
pub(super) unsafe fn error_of(message: *const sys::rd_kafka_message_t) -> Option<Code> {
    // SAFETY: as the caller vouches.
    unsafe { codes::of_field(&raw const (*message).err) }
}

/// A C string that may be null.
///
/// # Safety
/// It must be null or a NUL-terminated string that lives as long as is asked for.
pub(crate) unsafe fn text<'a>(ptr: *const c_char) -> Cow<'a, str> {
    if ptr.is_null() {
        return Cow::Borrowed("");
    }
    // SAFETY: not null, and the caller vouches for the rest.
    unsafe { CStr::from_ptr(ptr) }.to_string_lossy()
}

/// What kind of event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    Fetch,
    Delivery,
    Rebalance,
    OffsetCommit,
    Error,
    Log,
    Other,
}

/// One event of a queue. It can't outlive the queue it came from.
pub(crate) struct Event<'q> {
    ptr: *mut sys::rd_kafka_event_t,
    queue: PhantomData<&'q ()>,
}

impl Drop for Event<'_> {
    fn drop(&mut self) {
        // SAFETY: the event is ours since it was polled, and destroyed only here.
        unsafe { sys::rd_kafka_event_destroy(self.ptr) }
    }
}

impl Event<'_> {
    /// Wraps what a poll returned.
    ///
    /// # Safety
    /// It must be null or an event that nobody else destroys, and not outlive its client.
    pub(super) unsafe fn from_ptr<'q>(ptr: *mut sys::rd_kafka_event_t) -> Option<Event<'q>> {
        (!ptr.is_null()).then_some(Event {
            ptr,
            queue: PhantomData,
        })
    }

    /// The C object, for calls that are made elsewhere in this room.
    pub(super) fn ptr(&self) -> *mut sys::rd_kafka_event_t {
        self.ptr
    }

    /// What kind of event it is.
    pub(crate) fn kind(&self) -> EventKind {
        // SAFETY: the event is alive.
        match unsafe { sys::rd_kafka_event_type(self.ptr) } {
            sys::RD_KAFKA_EVENT_FETCH => EventKind::Fetch,
            sys::RD_KAFKA_EVENT_DR => EventKind::Delivery,
            sys::RD_KAFKA_EVENT_REBALANCE => EventKind::Rebalance,
            sys::RD_KAFKA_EVENT_OFFSET_COMMIT => EventKind::OffsetCommit,
            sys::RD_KAFKA_EVENT_ERROR => EventKind::Error,
            sys::RD_KAFKA_EVENT_LOG => EventKind::Log,
            _ => EventKind::Other,
        }
    }

    /// The event's error, if it has one.
    pub(crate) fn error(&self) -> Option<Code> {
        // SAFETY: the event is alive.
        codes::named(unsafe { codes::rd_kafka_event_error(self.ptr) })
    }

    /// What librdkafka says of the error.
    pub(crate) fn reason(&self) -> Cow<'_, str> {
        // SAFETY: the event is alive, and its string lives as long.
        unsafe { text(sys::rd_kafka_event_error_string(self.ptr)) }
    }

    /// The partition that an error concerns, with the offset it happened at.
    pub(crate) fn partition(&self) -> Option<(String, i32, Offset)> {
        // SAFETY: the event is alive; the entry returned is ours to destroy, after what it holds was copied.
        unsafe {
            let entry = sys::rd_kafka_event_topic_partition(self.ptr);
            if entry.is_null() {
                return None;
            }
            let found = (
                text((*entry).topic).into_owned(),
                (*entry).partition,
                (*entry).offset,
            );
            sys::rd_kafka_topic_partition_destroy(entry);
            Some(found)
        }
    }

    /// The partitions of a rebalance or of an answer to a commit.
    pub(crate) fn partitions(&self) -> Option<ListRef<'_>> {
        // SAFETY: the list belongs to the event and lives as long.
        unsafe { ListRef::from_ptr(sys::rd_kafka_event_topic_partition_list(self.ptr)) }
    }

    /// The number a commit was sent with.
    pub(crate) fn commit_number(&self) -> usize {
        // SAFETY: the event is alive; the pointer is only a number.
        unsafe { sys::rd_kafka_event_opaque(self.ptr) as usize }
    }

    /// Hands a log line to the log.
    pub(crate) fn log(&self) {
        let (mut facility, mut line, mut level): (*const c_char, *const c_char, c_int) =
            (ptr::null(), ptr::null(), 0);
        // SAFETY: the event is alive, and so are the strings it fills in.
        unsafe {
            if sys::rd_kafka_event_log(self.ptr, &mut facility, &mut line, &mut level) == 0 {
                super::log(log_level(level), text(facility).trim(), text(line).trim());
            }
        }
    }

    /// The messages of a fetch or of delivery reports.
    pub(crate) fn messages(&self) -> impl Iterator<Item = RawMessage<'_>> {
        std::iter::from_fn(|| {
            // SAFETY: the event is alive; its messages live as long as it does.
            let ptr = unsafe { sys::rd_kafka_event_message_next(self.ptr) };
            (!ptr.is_null()).then_some(RawMessage {
                ptr,
                event: PhantomData,
            })
        })
    }
}

fn log_level(level: c_int) -> RDKafkaLogLevel {
    match level {
        ..=3 => RDKafkaLogLevel::Error,
        4 => RDKafkaLogLevel::Warning,
        5 | 6 => RDKafkaLogLevel::Info,
        _ => RDKafkaLogLevel::Debug,
    }
}

/// A message in librdkafka's memory. It can't outlive its event.
pub(crate) struct RawMessage<'e> {
    ptr: *const sys::rd_kafka_message_t,
    event: PhantomData<&'e ()>,
}

impl RawMessage<'_> {
    fn fields(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: the message lives as long as its event.
        unsafe { &*self.ptr }
    }

    /// What is wrong with it, or with its delivery.
    pub(crate) fn error(&self) -> Option<Code> {
        // SAFETY: the message lives as long as its event.
        unsafe { error_of(self.ptr) }
    }

    /// What librdkafka says of the error of a fetched message.
    pub(crate) fn fetch_reason(&self) -> Cow<'_, str> {
        // SAFETY: the message is alive, and so is its string.
        unsafe { text(sys::rd_kafka_message_errstr(self.ptr)) }
    }

    /// What the broker or the client says of a failed delivery. Only for messages of a delivery report: in
    /// others librdkafka keeps something else in the same place.
    pub(crate) fn delivery_reason(&self) -> Cow<'_, str> {
        // SAFETY: the message is alive, and so is its string, which is null where the broker gave none.
        unsafe {
            match text(sys::rd_kafka_message_produce_errstr(self.ptr)) {
                empty if empty.is_empty() => {
                    let code = self.error();
                    code.map_or_else(String::new, |code| code.to_string())
                        .into()
                }
                said => said,
            }
        }
    }

    /// A number for its topic: the same for all messages of a topic in one round of polling.
    pub(crate) fn topic_token(&self) -> usize {
        self.fields().rkt as usize
    }

    /// Its topic's name.
    pub(crate) fn topic(&self) -> Cow<'_, str> {
        // SAFETY: a message holds a reference to its topic, which holds its name.
        unsafe { text(sys::rd_kafka_topic_name(self.fields().rkt)) }
    }

    pub(crate) fn partition(&self) -> i32 {
        self.fields().partition
    }

    pub(crate) fn offset(&self) -> Offset {
        self.fields().offset
    }

    /// The key; `None` is null.
    pub(crate) fn key(&self) -> Option<&[u8]> {
        // SAFETY: the message says where its key lies and how long it is.
        unsafe { bytes(self.fields().key, self.fields().key_len) }
    }

    /// The value; `None` is null.
    pub(crate) fn value(&self) -> Option<&[u8]> {
        // SAFETY: the message says where its value lies and how long it is.
        unsafe { bytes(self.fields().payload, self.fields().len) }
    }

    /// The timestamp with its kind.
    pub(crate) fn timestamp(&self) -> Timestamp {
        let mut kind = TimestampType::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive.
        let millis = unsafe { sys::rd_kafka_message_timestamp(self.ptr, &mut kind) };
        told_apart(kind, millis)
    }

    /// How many headers it has.
    pub(crate) fn header_count(&self) -> usize {
        // SAFETY: the headers belong to the message.
        self.headers_ptr()
            .map_or(0, |headers| unsafe { sys::rd_kafka_header_cnt(headers) })
    }

    /// Name and value of each header, in order. A name ends before its first NUL, of which the
    /// C interface says nothing.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let headers = self.headers_ptr();
        (0_usize..).map_while(move |index| {
            let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
            // SAFETY: the headers belong to the message; an index past the end is answered with an error,
            // and what is filled in otherwise lives as long as they do.
            unsafe {
                let err =
                    sys::rd_kafka_header_get_all(headers?, index, &mut name, &mut value, &mut size);
                (err == RespErr::RD_KAFKA_RESP_ERR_NO_ERROR)
                    .then(|| (CStr::from_ptr(name).to_bytes(), bytes(value, size)))
            }
        })
    }

    fn headers_ptr(&self) -> Option<*mut sys::rd_kafka_headers_t> {
        let mut headers = ptr::null_mut();
        // SAFETY: the message is alive; it keeps the headers, which are parsed now.
        let err = unsafe { sys::rd_kafka_message_headers(self.ptr, &mut headers) };
        (err == RespErr::RD_KAFKA_RESP_ERR_NO_ERROR && !headers.is_null()).then_some(headers)
    }

    /// What was handed over with the message when it was produced.
    pub(crate) fn opaque(&self) -> *mut c_void {
        self.fields()._private
    }
}

/// Bytes in librdkafka's memory; null stays null, and empty stays empty.
///
/// # Safety
/// The pointer must be null or point to that many bytes, which live as long as is asked for.
unsafe fn bytes<'a>(ptr: *const c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: not null, and the caller vouches for the rest.
    (!ptr.is_null()).then(|| unsafe { slice::from_raw_parts(ptr.cast(), len) })
}

/// A timestamp by its kind; Kafka writes -1 for none.
fn told_apart(kind: TimestampType, millis: i64) -> Timestamp {
    match kind {
        TimestampType::RD_KAFKA_TIMESTAMP_CREATE_TIME if millis >= 0 => {
            Timestamp::CreateTime(millis)
        }
        TimestampType::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME if millis >= 0 => {
            Timestamp::LogAppendTime(millis)
        }
        TimestampType::RD_KAFKA_TIMESTAMP_CREATE_TIME
        | TimestampType::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME
        | TimestampType::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE => Timestamp::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_timestamps_are_told_apart_and_none_from_the_epoch() {
        use TimestampType as Kind;
        let create = Kind::RD_KAFKA_TIMESTAMP_CREATE_TIME;
        let append = Kind::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
        assert_eq!(told_apart(create, 0), Timestamp::CreateTime(0));
        assert_eq!(told_apart(append, 0), Timestamp::LogAppendTime(0));
        assert_eq!(told_apart(create, -1), Timestamp::None);
        assert_eq!(told_apart(append, -1), Timestamp::None);
        let absent = Kind::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        assert_eq!(told_apart(absent, 5), Timestamp::None);
    }
}
