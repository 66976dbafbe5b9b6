//! Clients: how they are made, and how they end.
#![expect(unsafe_code, reason = "librdkafka's clients are C objects")]

use std::{
    ffi::{CStr, c_char, c_int},
    ptr::{self, NonNull},
    sync::Arc,
    time::Duration,
};

use rdkafka::{ClientConfig, error::KafkaError, types::RDKafkaErrorCode as Code};
use rdkafka_sys::{self as sys, rd_kafka_type_t as Kind};

use super::{
    Failures, Queue, Unanswered,
    codes::{self, code},
    event::text,
    login,
};
use crate::{Error, token};

const PRODUCER_EVENTS: c_int = sys::RD_KAFKA_EVENT_DR | sys::RD_KAFKA_EVENT_ERROR;

/// A client. Dropping it joins librdkafka's threads, which may take a while: never on an async runtime.
pub(crate) struct Client {
    ptr: NonNull<sys::rd_kafka_t>,
    /// Dropped after the client is destroyed.
    watched: Watched,
}

/// What interceptors note of a client.
enum Watched {
    Nothing,
    /// A producer's failures.
    Failures(Arc<Failures>),
    /// A transactional producer's requests.
    Requests(Arc<Unanswered>),
}

// SAFETY: librdkafka's clients may be used from any thread at any time, as its introduction says.
unsafe impl Send for Client {}
// SAFETY: as above.
unsafe impl Sync for Client {}

impl Drop for Client {
    fn drop(&mut self) {
        // A consumer has left its group by then, or could not; destroying it must not try that again, unbounded.
        let flags = sys::RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE;
        // SAFETY: made by `new`, destroyed only here; queues and topics hold an `Arc` and are gone.
        unsafe { sys::rd_kafka_destroy_flags(self.ptr.as_ptr(), flags) }
    }
}

impl Client {
    /// Makes a consumer, whose every event, log lines among them, comes through [`consumer_queue`](Self::consumer_queue).
    pub(crate) fn consumer(config: ClientConfig) -> Result<Arc<Self>, Error> {
        let events = sys::RD_KAFKA_EVENT_REBALANCE
            | sys::RD_KAFKA_EVENT_OFFSET_COMMIT
            | sys::RD_KAFKA_EVENT_ERROR;
        let client = Self::new(Kind::RD_KAFKA_CONSUMER, config, events, Watched::Nothing)?;
        // SAFETY: the client is alive; this forwards its main queue to the consumer's.
        unsafe { sys::rd_kafka_poll_set_consumer(client.ptr.as_ptr()) };
        Ok(client)
    }

    /// Makes a producer, whose every event comes through [`main_queue`](Self::main_queue).
    pub(crate) fn producer(config: ClientConfig) -> Result<Arc<Self>, Error> {
        Self::new(
            Kind::RD_KAFKA_PRODUCER,
            config,
            PRODUCER_EVENTS,
            Watched::Nothing,
        )
    }

    /// The same; the first message that fails and ends the producer is told to `failures` before its report comes.
    pub(crate) fn watched_producer(
        config: ClientConfig,
        failures: &Arc<Failures>,
    ) -> Result<Arc<Self>, Error> {
        let watched = Watched::Failures(failures.clone());
        Self::new(Kind::RD_KAFKA_PRODUCER, config, PRODUCER_EVENTS, watched)
    }

    /// The same, of a transactional producer, whose requests are counted.
    pub(crate) fn transactional(config: ClientConfig) -> Result<Arc<Self>, Error> {
        let watched = Watched::Requests(Arc::default());
        Self::new(Kind::RD_KAFKA_PRODUCER, config, PRODUCER_EVENTS, watched)
    }

    fn new(
        kind: Kind,
        mut config: ClientConfig,
        events: c_int,
        watched: Watched,
    ) -> Result<Arc<Self>, Error> {
        config.set("log.queue", "true");
        let by_token = token::is_from_file(&config);
        let native = config.create_native_config().map_err(config_error)?;
        let mut error: [c_char; 512] = [0; 512];
        // SAFETY: the configuration is alive; `rd_kafka_new` takes it over only when it succeeds, and then
        // it is forgotten here. The buffer is as long as is said. What is watched is dropped after the client.
        let ptr = unsafe {
            match &watched {
                Watched::Nothing => {}
                Watched::Failures(failures) => failures.watch(native.ptr()),
                Watched::Requests(unanswered) => unanswered.watch(native.ptr()),
            }
            if by_token {
                login::prepare(native.ptr());
            }
            sys::rd_kafka_conf_set_events(native.ptr(), events);
            sys::rd_kafka_new(kind, native.ptr(), error.as_mut_ptr(), error.len())
        };
        let Some(ptr) = NonNull::new(ptr) else {
            // SAFETY: librdkafka ends the string with a NUL within the buffer; its last error is this thread's.
            let (text, last) = unsafe { (text(error.as_ptr()), sys::rd_kafka_last_error()) };
            let text = text.into_owned();
            return Err(match last {
                sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE => {
                    Error::Resources { text }
                }
                _ => Error::Client { text },
            });
        };
        std::mem::forget(native);
        // SAFETY: the client is alive; with no queue named, log lines go to its main queue.
        unsafe { sys::rd_kafka_set_log_queue(ptr.as_ptr(), ptr::null_mut()) };
        let client = Arc::new(Self { ptr, watched });
        if by_token {
            // SAFETY: the client is alive.
            unsafe { login::begin(client.ptr()) }.map_err(|text| Error::Client { text })?;
        }
        Ok(client)
    }

    /// Which requests of a transactional producer were sent and not answered.
    pub(crate) fn unanswered(&self) -> Option<&Unanswered> {
        match &self.watched {
            Watched::Requests(unanswered) => Some(unanswered),
            Watched::Nothing | Watched::Failures(_) => None,
        }
    }

    /// The C object, for calls that are made elsewhere in this room.
    pub(crate) fn ptr(&self) -> *mut sys::rd_kafka_t {
        self.ptr.as_ptr()
    }

    /// The queue of errors, log lines and delivery reports.
    pub(crate) fn main_queue(self: &Arc<Self>) -> Option<Queue> {
        // SAFETY: the client is alive; the reference returned is ours.
        Queue::new(self, unsafe { sys::rd_kafka_queue_get_main(self.ptr()) })
    }

    /// The queue of everything a consumer is told.
    pub(crate) fn consumer_queue(self: &Arc<Self>) -> Option<Queue> {
        // SAFETY: the client is alive; the reference returned is ours, or null for a client without a group.
        Queue::new(self, unsafe {
            sys::rd_kafka_queue_get_consumer(self.ptr())
        })
    }

    /// A queue for the answer to one question.
    pub(crate) fn new_queue(self: &Arc<Self>) -> Option<Queue> {
        // SAFETY: the client is alive; the queue returned is ours.
        Queue::new(self, unsafe { sys::rd_kafka_queue_new(self.ptr()) })
    }

    /// Why the client is over, if it is.
    pub(crate) fn fatal(&self) -> Option<(Code, String)> {
        let mut said: [c_char; 512] = [0; 512];
        // SAFETY: the client is alive, the buffer as long as is said, and ended with a NUL where there is an error.
        unsafe {
            let err = codes::named(codes::rd_kafka_fatal_error(
                self.ptr(),
                said.as_mut_ptr(),
                said.len(),
            ))?;
            Some((
                err,
                CStr::from_ptr(said.as_ptr()).to_string_lossy().into_owned(),
            ))
        }
    }

    /// Gives up on everything queued and in flight.
    pub(crate) fn purge(&self) {
        let what = sys::RD_KAFKA_PURGE_F_QUEUE
            | sys::RD_KAFKA_PURGE_F_INFLIGHT
            | sys::RD_KAFKA_PURGE_F_NON_BLOCKING;
        // SAFETY: the client is alive.
        unsafe { sys::rd_kafka_purge(self.ptr(), what) };
    }
}

/// Of a call that asks no broker.
pub(super) fn check(err: sys::rd_kafka_resp_err_t) -> Result<(), Code> {
    code(err).map_or(Ok(()), Err)
}

/// What an error object says.
///
/// # Safety
/// It must be null or an error that nobody else destroys.
pub(super) unsafe fn take_error(error: *mut sys::rd_kafka_error_t) -> Result<(), String> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: not null, and ours; destroyed after its text was copied.
    unsafe {
        let said = text(sys::rd_kafka_error_string(error)).into_owned();
        sys::rd_kafka_error_destroy(error);
        Err(said)
    }
}

pub(super) fn millis(timeout: Duration) -> c_int {
    c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX)
}

/// What is wrong with the configuration, without a secret in it.
fn config_error(error: KafkaError) -> Error {
    match error {
        KafkaError::ClientConfig(_, text, name, _) => {
            let text = if pelton_types::is_secret_property(&name) {
                "its value is not valid".to_owned()
            } else {
                text
            };
            Error::Property { name, text }
        }
        other => Error::Client {
            text: other.to_string(),
        },
    }
}
