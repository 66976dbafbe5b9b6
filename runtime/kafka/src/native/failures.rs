//! Outputs that were not written, told before anything behind them can be.
//!
//! Where a broker answers a produce with an error that can't be repeated, librdkafka fails that batch and sends what
//! stands behind under a new epoch, as soon as all that is under way is answered. A delivery report tells of it too
//! late: by then what stood behind may be on its way, in front of the repetition of what failed.
//!
//! Invariant: the thread that talks to the broker, whose unanswered batches hold back the new epoch, waits within its
//! interceptor until whoever owns the client has taken back what is queued. It waits for a while at most: it may
//! hold a lock that the other needs.
#![expect(unsafe_code, reason = "librdkafka's interceptors are C functions")]

use std::{
    ffi::{c_char, c_void},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka_sys::{self as sys, rd_kafka_resp_err_t as RespErr};

use super::{event::code, threads};

const NAME: &std::ffi::CStr = c"pelton-failures";
/// How long a broker's thread waits.
const PATIENCE: Duration = Duration::from_secs(5);

/// The first failure of a client's messages that ends it, and whether that was taken note of.
pub(crate) struct Failures {
    /// Whether an error ends the client, rather than the message alone.
    ends: fn(Code) -> bool,
    told: AtomicBool,
    noted: Mutex<bool>,
    note: Condvar,
}

impl Failures {
    pub(crate) fn new(ends: fn(Code) -> bool) -> Self {
        Self {
            ends,
            told: AtomicBool::new(false),
            noted: Mutex::new(false),
            note: Condvar::new(),
        }
    }

    /// Whether a message has failed, and a broker's thread waits for [`note`](Self::note).
    pub(crate) fn is_pending(&self) -> bool {
        let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        self.told.load(Ordering::Acquire) && !*noted
    }

    /// What stood behind is taken back.
    pub(crate) fn note(&self) {
        *self.noted.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.note.notify_all();
    }

    /// Whether this is the first failure that ends the client.
    fn tells(&self, code: Code) -> bool {
        (self.ends)(code) && !self.told.swap(true, Ordering::AcqRel)
    }

    fn wait(&self) {
        let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        // Whatever comes of it: the delivery report tells the same.
        drop(
            self.note
                .wait_timeout_while(noted, PATIENCE, |noted| !*noted),
        );
    }

    /// Has a client's messages watched from its first one on.
    ///
    /// # Safety
    /// `conf` must be a configuration that no client was made of yet, and `self` must outlive that client.
    pub(super) unsafe fn watch(self: &Arc<Self>, conf: *mut sys::rd_kafka_conf_t) {
        let opaque = Arc::as_ptr(self).cast_mut().cast::<c_void>();
        // SAFETY: the configuration is alive; `opaque` outlives the client, as the caller vouches.
        unsafe {
            sys::rd_kafka_conf_interceptor_add_on_new(conf, NAME.as_ptr(), Some(on_new), opaque);
        }
    }
}

unsafe extern "C" fn on_new(
    client: *mut sys::rd_kafka_t,
    _: *const sys::rd_kafka_conf_t,
    opaque: *mut c_void,
    _: *mut c_char,
    _: usize,
) -> RespErr {
    // SAFETY: the client is being made; `opaque` is what `watch` was given, and only handed on.
    unsafe {
        threads::watch(client);
        sys::rd_kafka_interceptor_add_on_acknowledgement(
            client,
            NAME.as_ptr(),
            Some(on_acknowledgement),
            opaque,
        )
    }
}

unsafe extern "C" fn on_acknowledgement(
    client: *mut sys::rd_kafka_t,
    message: *mut sys::rd_kafka_message_t,
    opaque: *mut c_void,
) -> RespErr {
    // SAFETY: the message lives as long as this call; `opaque` is what `watch` was given, which outlives the client.
    let (failures, failed) = unsafe { (&*opaque.cast::<Failures>(), code((*message).err)) };
    // A message can fail on its sender's thread too, before it is queued.
    if threads::is_of_a_broker() && failed.is_some_and(|code| failures.tells(code)) {
        // SAFETY: the client is alive; the reference to its queue is ours, and given back.
        unsafe {
            let queue = sys::rd_kafka_queue_get_main(client);
            sys::rd_kafka_queue_yield(queue);
            sys::rd_kafka_queue_destroy(queue);
        }
        failures.wait();
    }
    RespErr::RD_KAFKA_RESP_ERR_NO_ERROR
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures() -> Failures {
        Failures::new(|code| code == Code::NetworkException)
    }

    #[test]
    fn only_the_first_failure_that_ends_the_client_is_told() {
        let failures = failures();
        assert!(!failures.tells(Code::MessageSizeTooLarge));
        assert!(!failures.is_pending());
        assert!(failures.tells(Code::NetworkException));
        assert!(failures.is_pending());
        assert!(!failures.tells(Code::NetworkException));
    }

    #[test]
    fn whoever_waits_goes_on_once_it_is_noted() {
        let failures = failures();
        failures.tells(Code::NetworkException);
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| failures.wait());
            failures.note();
            assert!(waits.join().is_ok());
        });
        assert!(!failures.is_pending());
    }
}
