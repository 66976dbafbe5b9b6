//! Queues of events.
#![expect(unsafe_code, reason = "librdkafka's queues are C objects")]

use std::{ptr::NonNull, sync::Arc, time::Duration};

use rdkafka_sys as sys;

use super::{
    Client, Event,
    client::{millis, take_error},
};

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
    pub(super) fn new(client: &Arc<Client>, ptr: *mut sys::rd_kafka_queue_t) -> Option<Self> {
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
