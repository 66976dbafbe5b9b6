//! For tests of handlers, which run natively with plain `cargo test`.
//!
//! [`TestMessage`] builds a message and gives it to a handler, through the same loop and the same packed
//! layout as in the daemon. Settings are [set](set_setting) and log lines [taken](take_logs) for each thread,
//! so tests don't meet each other's.

pub(crate) mod delivery;
mod message;
mod produced;
pub(crate) mod settings;

use std::cell::RefCell;

pub use message::TestMessage;
pub use produced::Produced;

use crate::log::Level;

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
