//! Outputs that were not written, told before anything behind them can be.
//!
//! Where a broker answers a produce with an error that can't be repeated, librdkafka fails that batch and sends what
//! stands behind under a new epoch, as soon as all that is under way is answered. A delivery report tells of it too
//! late: by then what stood behind may be on its way, in front of the repetition of what failed.
//!
//! Invariant: the thread that talks to the broker, whose unanswered batches hold back the new epoch, waits within its
//! interceptor until whoever owns the client has taken back what is queued. It waits for a while at most, counted
//! from the first failure. Every path of librdkafka that reports a failure from such a thread with a lock held does
//! so with an error of the message's own, as long as messages don't expire (`message.timeout.ms` is 0).
#![expect(unsafe_code, reason = "librdkafka's interceptors are C functions")]

use std::{
    ffi::{c_char, c_void},
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka_sys::{self as sys, rd_kafka_resp_err_t as RespErr};

use super::{event::error_of, interceptors};

const NAME: &std::ffi::CStr = c"pelton-failures";
/// How long a broker's thread waits.
const PATIENCE: Duration = Duration::from_secs(5);

/// The first failure of a client's messages that ends it, and whether that was taken note of.
pub(crate) struct Failures {
    /// Whether an error ends the client, rather than the message alone.
    ends: fn(Code) -> bool,
    state: Mutex<State>,
    note: Condvar,
}

#[derive(Clone, Copy)]
enum State {
    Well,
    /// Brokers' threads wait.
    Failed {
        first: Code,
        until: Instant,
    },
    /// What stood behind is taken back.
    Noted,
}

impl Failures {
    pub(crate) fn new(ends: fn(Code) -> bool) -> Self {
        Self {
            ends,
            state: Mutex::new(State::Well),
            note: Condvar::new(),
        }
    }

    /// What has failed, where brokers' threads wait for [`note`](Self::note).
    pub(crate) fn pending(&self) -> Option<Code> {
        match *self.state.lock() {
            State::Failed { first, .. } => Some(first),
            State::Well | State::Noted => None,
        }
    }

    /// What stood behind is taken back.
    pub(crate) fn note(&self) {
        *self.state.lock() = State::Noted;
        self.note.notify_all();
    }

    /// A message has failed: until when to wait, unless there is nothing to wait for.
    fn tell(&self, failed: Code) -> Option<Instant> {
        if !(self.ends)(failed) {
            return None;
        }
        let mut state = self.state.lock();
        match *state {
            State::Noted => None,
            State::Failed { until, .. } => Some(until),
            State::Well => {
                let until = Instant::now() + PATIENCE;
                *state = State::Failed {
                    first: failed,
                    until,
                };
                Some(until)
            }
        }
    }

    fn wait(&self, until: Instant) {
        let waits = |state: &mut State| !matches!(state, State::Noted);
        // Whatever comes of it: the delivery report tells the same.
        self.note
            .wait_while_until(&mut self.state.lock(), waits, until);
    }

    /// Has a client's messages watched from its first one on.
    ///
    /// # Safety
    /// `conf` must be a configuration that no client was made of yet, and `self` must outlive that client.
    pub(super) unsafe fn watch(self: &Arc<Self>, conf: *mut sys::rd_kafka_conf_t) {
        // SAFETY: as the caller vouches; what `on_new` adds takes the pointer for what this is.
        unsafe { interceptors::add(conf, NAME, on_new, self) }
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
        interceptors::tell_threads_apart(client);
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
    // A message can fail on its sender's thread too, before it is queued.
    if !interceptors::is_of_a_broker() {
        return RespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    // SAFETY: the message lives as long as this call; `opaque` is what `watch` was given, which outlives the client.
    let (failures, failed) = unsafe { (&*opaque.cast::<Failures>(), error_of(message)) };
    if let Some(until) = failed.and_then(|code| failures.tell(code)) {
        // SAFETY: the client is alive; the reference to its queue is ours, and given back.
        unsafe {
            let queue = sys::rd_kafka_queue_get_main(client);
            sys::rd_kafka_queue_yield(queue);
            sys::rd_kafka_queue_destroy(queue);
        }
        failures.wait(until);
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
    fn the_first_failure_that_ends_the_client_is_pending_until_it_is_noted() {
        let failures = failures();
        assert_eq!(failures.tell(Code::MessageSizeTooLarge), None);
        assert_eq!(failures.pending(), None);
        let until = failures.tell(Code::NetworkException);
        assert!(until.is_some());
        assert_eq!(failures.tell(Code::NetworkException), until, "no longer");
        assert_eq!(failures.pending(), Some(Code::NetworkException));
        failures.note();
        assert_eq!(failures.pending(), None);
        assert_eq!(failures.tell(Code::NetworkException), None);
    }

    #[test]
    fn whoever_waits_goes_on_once_it_is_noted() {
        let failures = failures();
        let until = failures.tell(Code::NetworkException).expect("a time");
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| failures.wait(until));
            failures.note();
            assert!(waits.join().is_ok());
        });
        assert!(Instant::now() < until, "it waited for nothing");
    }
}
