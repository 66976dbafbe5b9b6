//! Lines for the handler's log: `log::info!("charged {amount}")`, and so on from `trace!` to `error!`.
//!
//! The daemon adds topic, partition and offset of the message. A line that wouldn't be written isn't formatted.

/// How loud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Of use while looking for one defect.
    Trace,
    /// Of use while developing.
    Debug,
    /// Of use to who runs the handler.
    Info,
    /// To be looked at when there is time.
    Warn,
    /// To be looked at.
    Error,
}

/// Writes a line. Long lines are cut, and a flood is dropped and counted.
pub fn write(level: Level, line: &str) {
    #[cfg(target_family = "wasm")]
    host::write(level.into(), line);
    #[cfg(not(target_family = "wasm"))]
    crate::testing::write_log(level, line);
}

/// Whether a line of this level would be written at all.
pub fn enabled(level: Level) -> bool {
    #[cfg(target_family = "wasm")]
    return host::enabled(level.into());
    #[cfg(not(target_family = "wasm"))]
    return level >= Level::Trace;
}

#[cfg(target_family = "wasm")]
use crate::guest::bindings::pelton::handler::log as host;

#[cfg(target_family = "wasm")]
impl From<Level> for host::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::Trace,
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log {
    ($level:ident, $($line:tt)+) => {
        if $crate::log::enabled($crate::log::Level::$level) {
            $crate::log::write($crate::log::Level::$level, &::std::format!($($line)+));
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __trace { ($($line:tt)+) => { $crate::__log!(Trace, $($line)+) }; }
#[doc(hidden)]
#[macro_export]
macro_rules! __debug { ($($line:tt)+) => { $crate::__log!(Debug, $($line)+) }; }
#[doc(hidden)]
#[macro_export]
macro_rules! __info { ($($line:tt)+) => { $crate::__log!(Info, $($line)+) }; }
#[doc(hidden)]
#[macro_export]
macro_rules! __warn { ($($line:tt)+) => { $crate::__log!(Warn, $($line)+) }; }
#[doc(hidden)]
#[macro_export]
macro_rules! __error { ($($line:tt)+) => { $crate::__log!(Error, $($line)+) }; }

#[doc(inline)]
pub use crate::{
    __debug as debug, __error as error, __info as info, __trace as trace, __warn as warn,
};
