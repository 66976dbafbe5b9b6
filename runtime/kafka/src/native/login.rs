//! Gives clients the tokens that they log in with (SASL OAUTHBEARER).
//!
//! librdkafka asks for one by a callback, which is called on a thread of its own, whether or not the client is polled.
#![expect(unsafe_code, reason = "librdkafka asks for tokens by a C function")]

use std::{
    ffi::{CString, c_char, c_void},
    ptr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rdkafka::ClientConfig;
use rdkafka_sys::{self as sys, rd_kafka_resp_err_t as RespErr};

use super::{client::take_error, event::text};
use crate::token::{self, Token};

/// For how long librdkafka is told to use a token, less where it expires sooner. It asks anew after four fifths of that;
/// after ten seconds where there was none.
const USED: Duration = Duration::from_secs(30);

/// Has a client that is about to be made of this ask for its tokens.
///
/// # Safety
/// `conf` must be a configuration that no client was made of yet.
pub(super) unsafe fn prepare(conf: *mut sys::rd_kafka_conf_t) {
    // SAFETY: as the caller vouches.
    unsafe {
        sys::rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, Some(refresh));
        sys::rd_kafka_conf_enable_sasl_queue(conf, 1);
    }
}

/// Has the client's questions answered from now on.
///
/// # Safety
/// The client must be alive.
pub(super) unsafe fn begin(client: *mut sys::rd_kafka_t) -> Result<(), String> {
    // SAFETY: as the caller vouches; the error returned is ours.
    unsafe { take_error(sys::rd_kafka_sasl_background_callbacks_enable(client)) }
}

/// Gives a client that lives for one question its token, if it takes it from a file.
///
/// # Safety
/// The client must be alive, and made of this configuration.
pub(crate) unsafe fn once(client: *mut sys::rd_kafka_t, config: &ClientConfig) {
    if let Some(value) = config.get(token::PROPERTY) {
        // SAFETY: as the caller vouches.
        unsafe { give(client, value) }
    }
}

unsafe extern "C" fn refresh(client: *mut sys::rd_kafka_t, config: *const c_char, _: *mut c_void) {
    // SAFETY: librdkafka calls this with a client that is alive and its property, NUL-terminated or null.
    unsafe { give(client, &text(config)) }
}

/// Hands over the token that stands in the file now, or why there is none.
///
/// # Safety
/// The client must be alive.
unsafe fn give(client: *mut sys::rd_kafka_t, config: &str) {
    let Some(path) = token::file(config) else {
        return;
    };
    let now = SystemTime::now();
    let read = Token::read(path, now).map_err(|error| error.to_string());
    // SAFETY: as the caller vouches.
    let given = read.and_then(|token| unsafe { set(client, &token, now) });
    if let Err(why) = given {
        let why = CString::new(why).unwrap_or_default();
        // SAFETY: as the caller vouches; the text is copied.
        unsafe { sys::rd_kafka_oauthbearer_set_token_failure(client, why.as_ptr()) };
    }
}

/// # Safety
/// The client must be alive.
unsafe fn set(client: *mut sys::rd_kafka_t, token: &Token, now: SystemTime) -> Result<(), String> {
    let value = CString::new(&*token.text).unwrap_or_default();
    let principal = CString::new(&*token.principal).unwrap_or_default();
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let until = token.expires.min(now + USED).as_millis();
    let mut error: [c_char; 512] = [0; 512];
    // SAFETY: as the caller vouches; texts are copied, there are no extensions, and the buffer is as long as is said.
    unsafe {
        let done = sys::rd_kafka_oauthbearer_set_token(
            client,
            value.as_ptr(),
            i64::try_from(until).unwrap_or(i64::MAX),
            principal.as_ptr(),
            ptr::null_mut(),
            0,
            error.as_mut_ptr(),
            error.len(),
        );
        match done {
            RespErr::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
            _ => Err(text(error.as_ptr()).into_owned()),
        }
    }
}
