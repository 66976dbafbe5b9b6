//! How interceptors are set up, and which of librdkafka's threads talk to brokers: interceptors are called on others
//! too.
#![expect(unsafe_code, reason = "librdkafka's interceptors are C functions")]

use std::{
    cell::Cell,
    ffi::{CStr, c_char, c_void},
    ptr,
    sync::Arc,
};

use rdkafka_sys::{self as sys, rd_kafka_resp_err_t as RespErr, rd_kafka_thread_type_t as Kind};

const NAME: &CStr = c"pelton-threads";

/// What adds interceptors to a client that is being made, the only time when that can be done.
pub(super) type OnNew = unsafe extern "C" fn(
    *mut sys::rd_kafka_t,
    *const sys::rd_kafka_conf_t,
    *mut c_void,
    *mut c_char,
    usize,
) -> RespErr;

/// Has a client's interceptors added as it is made, which are given what is noted in.
///
/// # Safety
/// `conf` must be a configuration that no client was made of yet, `noted` must outlive that client, and `on_new` take
/// its opaque pointer for a `T`.
pub(super) unsafe fn add<T>(
    conf: *mut sys::rd_kafka_conf_t,
    name: &'static CStr,
    on_new: OnNew,
    noted: &Arc<T>,
) {
    let opaque = Arc::as_ptr(noted).cast_mut().cast::<c_void>();
    // SAFETY: the configuration is alive; `opaque` outlives the client, as the caller vouches.
    unsafe {
        sys::rd_kafka_conf_interceptor_add_on_new(conf, name.as_ptr(), Some(on_new), opaque);
    }
}

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
pub(super) unsafe fn tell_threads_apart(client: *mut sys::rd_kafka_t) {
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
