//! Which requests of a transactional producer were sent and never answered.
//!
//! librdkafka repeats requests whose connection broke, and says nothing of it. The one that was sent before may
//! still arrive, in the middle of a later transaction, and end that one or move its offsets (delivery rule 35).
//!
//! Invariant: a request counts as sent once the last of its bytes has left the client, and as answered only when
//! a broker's answer has come. Correlation ids don't come with an answer here (librdkafka 2.12 leaves them 0), so
//! what is kept are counts, which is all that is asked for. Answers are counted on the threads that talk to brokers:
//! most of them are told of once more on the main thread.
#![expect(unsafe_code, reason = "librdkafka's interceptors are C functions")]

use std::{
    ffi::{c_char, c_int, c_void},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rdkafka_sys::{self as sys, rd_kafka_resp_err_t as RespErr};

use super::interceptors;

const NAME: &std::ffi::CStr = c"pelton-unanswered";

/// A kind of request that can strike a later transaction, by its number in Kafka's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Produce = 0,
    AddPartitionsToTxn = 24,
    AddOffsetsToTxn = 25,
    EndTxn = 26,
    TxnOffsetCommit = 28,
}

impl Request {
    const ALL: [Self; 5] = [
        Self::Produce,
        Self::AddPartitionsToTxn,
        Self::AddOffsetsToTxn,
        Self::EndTxn,
        Self::TxnOffsetCommit,
    ];

    fn of(api_key: i16) -> Option<usize> {
        let is = |request: &Self| *request as i16 == api_key;
        Self::ALL.iter().position(is)
    }
}

/// Counts of one client's requests.
#[derive(Debug, Default)]
pub(crate) struct Unanswered {
    sent: [AtomicU64; Request::ALL.len()],
    answered: [AtomicU64; Request::ALL.len()],
}

impl Unanswered {
    /// How many of these were sent.
    pub(crate) fn sent(&self, request: Request) -> u64 {
        Request::of(request as i16).map_or(0, |index| self.sent[index].load(Ordering::Acquire))
    }

    /// The first kind of which one was sent and never answered. Produce requests that were repeated and then
    /// acknowledged are told apart by their sequence numbers; after an abort they are not.
    pub(crate) fn any(&self, aborted: bool) -> Option<Request> {
        let open = |request: &&Request| {
            let index = Request::of(**request as i16).unwrap_or_default();
            let (sent, answered) = (&self.sent[index], &self.answered[index]);
            sent.load(Ordering::Acquire) > answered.load(Ordering::Acquire)
        };
        let counts = |request: &&Request| aborted || **request != Request::Produce;
        Request::ALL.iter().filter(counts).find(open).copied()
    }

    /// Has a client's requests counted from its first one on.
    ///
    /// # Safety
    /// `conf` must be a configuration that no client was made of yet, and `self` must outlive that client.
    pub(super) unsafe fn watch(self: &Arc<Self>, conf: *mut sys::rd_kafka_conf_t) {
        // SAFETY: as the caller vouches; what `on_new` adds takes the pointer for what this is.
        unsafe { interceptors::add(conf, NAME, on_new, self) }
    }
}

/// Interceptors of requests can be added only while a client is being made.
unsafe extern "C" fn on_new(
    client: *mut sys::rd_kafka_t,
    _: *const sys::rd_kafka_conf_t,
    opaque: *mut c_void,
    _: *mut c_char,
    _: usize,
) -> RespErr {
    // SAFETY: the client is being made; `opaque` is what `watch` was given, and only handed on.
    unsafe {
        interceptors::tell_threads_apart(client);
        sys::rd_kafka_interceptor_add_on_request_sent(client, NAME.as_ptr(), Some(on_sent), opaque);
        sys::rd_kafka_interceptor_add_on_response_received(
            client,
            NAME.as_ptr(),
            Some(on_answer),
            opaque,
        )
    }
}

unsafe extern "C" fn on_sent(
    _: *mut sys::rd_kafka_t,
    _: c_int,
    _: *const c_char,
    _: i32,
    api_key: i16,
    _: i16,
    _: i32,
    _: usize,
    opaque: *mut c_void,
) -> RespErr {
    // SAFETY: `opaque` is the counts that `watch` was given, which outlive the client.
    let counts = unsafe { &*opaque.cast::<Unanswered>() };
    if let Some(index) = Request::of(api_key) {
        counts.sent[index].fetch_add(1, Ordering::AcqRel);
    }
    RespErr::RD_KAFKA_RESP_ERR_NO_ERROR
}

unsafe extern "C" fn on_answer(
    _: *mut sys::rd_kafka_t,
    _: c_int,
    _: *const c_char,
    _: i32,
    api_key: i16,
    _: i16,
    _: i32,
    _: usize,
    _: i64,
    error: RespErr,
    opaque: *mut c_void,
) -> RespErr {
    // SAFETY: as above.
    let counts = unsafe { &*opaque.cast::<Unanswered>() };
    // A broker's refusal is an answer; what librdkafka reports by itself is none.
    let answered = error == RespErr::RD_KAFKA_RESP_ERR_NO_ERROR && interceptors::is_of_a_broker();
    if let Some(index) = Request::of(api_key).filter(|_| answered) {
        let before = counts.answered[index].fetch_add(1, Ordering::AcqRel);
        let sent = counts.sent[index].load(Ordering::Acquire);
        // Or one would be told of twice, and hide another that was never answered.
        debug_assert!(
            before < sent,
            "more answers than requests of kind {api_key}"
        );
    }
    RespErr::RD_KAFKA_RESP_ERR_NO_ERROR
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_without_an_answer_is_named() {
        let counts = Unanswered::default();
        assert_eq!(counts.any(true), None);
        counts.sent[3].fetch_add(2, Ordering::AcqRel);
        counts.answered[3].fetch_add(1, Ordering::AcqRel);
        assert_eq!(counts.any(false), Some(Request::EndTxn));
        assert_eq!(counts.sent(Request::EndTxn), 2);
    }

    #[test]
    fn a_produce_request_counts_after_an_abort_only() {
        let counts = Unanswered::default();
        counts.sent[0].fetch_add(1, Ordering::AcqRel);
        assert_eq!(counts.any(false), None);
        assert_eq!(counts.any(true), Some(Request::Produce));
    }
}
