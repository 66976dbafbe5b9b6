//! For tests of handlers, which run natively with plain `cargo test`.
//!
//! [`TestMessage`] builds a message and gives it to a handler, through the same loop and the same packed
//! layout as in the daemon. Settings are [set](set_setting), log lines [taken](take_logs) and HTTP requests
//! [answered](answer_http) for each thread, so tests don't meet each other's.

pub(crate) mod delivery;
pub(crate) mod http;
mod message;
mod produced;
pub(crate) mod settings;

use std::cell::RefCell;

pub use message::TestMessage;
pub use produced::Produced;

use crate::{
    http::{Error, Request, Response},
    log::Level,
};

thread_local! {
    static LOGS: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn write_log(level: Level, line: &str) {
    LOGS.with_borrow_mut(|logs| logs.push((level, line.to_owned())));
}

/// The lines logged on this thread since the last time.
pub fn take_logs() -> Vec<(Level, String)> {
    LOGS.take()
}

/// Sets a setting for handlers on this thread.
pub fn set_setting(key: impl Into<String>, value: impl Into<String>) {
    settings::set(key.into(), value.into());
}

/// Answers the HTTP requests of handlers on this thread.
///
/// ```
/// use pelton_sdk::{http::{self, Response}, testing};
///
/// testing::answer_http(|request| {
///     assert_eq!(request.url, "https://api.example.com/users/7");
///     Ok(Response { status: 200, body: b"Ada".to_vec(), ..Response::default() })
/// });
/// let answer = http::get("https://api.example.com/users/7").send().unwrap();
/// assert_eq!(answer.text(), Ok("Ada"));
/// ```
pub fn answer_http(service: impl Fn(&Request) -> Result<Response, Error> + 'static) {
    http::set(Box::new(service));
}
