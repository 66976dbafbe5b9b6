//! Clients, their queues, and what can be asked of them.
#![expect(unsafe_code, reason = "librdkafka's clients and queues are C objects")]

use std::{
    collections::BTreeMap,
    ffi::{CStr, CString, c_char, c_int},
    ptr::{self, NonNull},
    slice,
    sync::Arc,
    time::Duration,
};

use pelton_types::{Offset, TopicPartition};
use rdkafka::{ClientConfig, error::KafkaError, types::RDKafkaErrorCode as Code};
use rdkafka_sys::{self as sys, rd_kafka_type_t as Kind};

use super::{
    Event, Failures, ListRef, Unanswered,
    event::{code, text},
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

    /// Fills the group's committed offsets into the list.
    pub(crate) fn committed(
        &self,
        partitions: &ListRef<'_>,
        timeout: Duration,
    ) -> Result<(), Code> {
        // SAFETY: client and list are alive.
        check(unsafe { sys::rd_kafka_committed(self.ptr(), partitions.ptr(), millis(timeout)) })
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
                answers.ptr.as_ptr(),
                None,
                number as *mut _,
            )
        })
    }

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
        check(unsafe {
            sys::rd_kafka_query_watermark_offsets(
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
        check(unsafe { sys::rd_kafka_offsets_for_times(self.ptr(), times.ptr(), millis(timeout)) })
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
            check(sys::rd_kafka_metadata(
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
                .filter(|topic| code(topic.err).is_none())
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
            let asked = sys::rd_kafka_metadata(
                self.ptr(),
                0,
                ptr::null_mut(),
                &mut metadata,
                millis(timeout),
            );
            if !metadata.is_null() {
                sys::rd_kafka_metadata_destroy(metadata);
            }
            code(asked).is_none()
        }
    }

    /// Why the client is over, if it is.
    pub(crate) fn fatal(&self) -> Option<(Code, String)> {
        let mut said: [c_char; 512] = [0; 512];
        // SAFETY: the client is alive, the buffer as long as is said, and ended with a NUL where there is an error.
        unsafe {
            let err = code(sys::rd_kafka_fatal_error(
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

/// A queue of events.
pub(crate) struct Queue {
    ptr: NonNull<sys::rd_kafka_queue_t>,
    client: Arc<Client>,
}

// SAFETY: librdkafka's queues may be used from any thread at any time.
unsafe impl Send for Queue {}
// SAFETY: as above.
unsafe impl Sync for Queue {}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the reference is ours, and its client is still alive.
        unsafe { sys::rd_kafka_queue_destroy(self.ptr.as_ptr()) }
    }
}

impl Queue {
    fn new(client: &Arc<Client>, ptr: *mut sys::rd_kafka_queue_t) -> Option<Self> {
        Some(Self {
            ptr: NonNull::new(ptr)?,
            client: client.clone(),
        })
    }

    /// The C object, for calls that are made elsewhere in this room.
    pub(super) fn ptr(&self) -> *mut sys::rd_kafka_queue_t {
        self.ptr.as_ptr()
    }

    /// Waits for an event. `None` when the time is up, or after [`wake`](Self::wake).
    pub(crate) fn poll(&self, timeout: Duration) -> Option<Event<'_>> {
        // SAFETY: the queue is alive, the event returned is ours, and bound to the queue, hence to its client.
        unsafe { Event::from_ptr(sys::rd_kafka_queue_poll(self.ptr.as_ptr(), millis(timeout))) }
    }

    /// Ends a [`poll`](Self::poll) under way, or the next one that finds nothing.
    pub(crate) fn wake(&self) {
        // SAFETY: the queue is alive.
        unsafe { sys::rd_kafka_queue_yield(self.ptr.as_ptr()) }
    }

    /// Begins to leave the group. Goes on while this queue is polled, until [`is_closed`](Self::is_closed).
    pub(crate) fn close_consumer(&self) -> Result<(), String> {
        // SAFETY: client and queue are alive; the error returned is ours.
        unsafe {
            take_error(sys::rd_kafka_consumer_close_queue(
                self.client.ptr(),
                self.ptr.as_ptr(),
            ))
        }
    }

    /// The client it belongs to.
    pub(crate) fn client(&self) -> Arc<Client> {
        self.client.clone()
    }

    /// Whether the consumer has left its group.
    pub(crate) fn is_closed(&self) -> bool {
        // SAFETY: the client is alive.
        unsafe { sys::rd_kafka_consumer_closed(self.client.ptr()) != 0 }
    }
}

fn check(err: sys::rd_kafka_resp_err_t) -> Result<(), Code> {
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
