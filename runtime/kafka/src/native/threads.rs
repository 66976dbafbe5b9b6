//! Which of librdkafka's threads talk to brokers: interceptors are called on others too.
#![expect(unsafe_code, reason = "librdkafka's interceptors are C functions")]

use std::{
    cell::Cell,
    ffi::{c_char, c_void},
    ptr,
};

use rdkafka_sys::{self as sys, rd_kafka_resp_err_t as RespErr, rd_kafka_thread_type_t as Kind};

const NAME: &std::ffi::CStr = c"pelton-threads";

thread_local! {
    static OF_A_BROKER: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread talks to a broker.
pub(super) fn is_of_a_broker() -> bool {
    OF_A_BROKER.get()
}

/// Has a client's threads told apart.
///
/// # Safety
/// The client must be in the middle of being made.
pub(super) unsafe fn watch(client: *mut sys::rd_kafka_t) {
    // SAFETY: as the caller vouches; nothing is handed on.
    unsafe {
        sys::rd_kafka_interceptor_add_on_thread_start(
            client,
            NAME.as_ptr(),
            Some(on_thread),
            ptr::null_mut(),
        );
    }
}

unsafe extern "C" fn on_thread(
    _: *mut sys::rd_kafka_t,
    kind: Kind,
    _: *const c_char,
    _: *mut c_void,
) -> RespErr {
    OF_A_BROKER.set(matches!(kind, Kind::RD_KAFKA_THREAD_BROKER));
    RespErr::RD_KAFKA_RESP_ERR_NO_ERROR
}
