//! `pelton:handler/log`: lines into the daemon's log.

use crate::{
    bindings::pelton::handler::log::{Host, Level},
    state::State,
};

impl Host for State {
    fn write(&mut self, level: Level, line: String) {
        self.journal
            .write(level.into(), &line, matches!(level, Level::Error));
    }

    fn enabled(&mut self, level: Level) -> bool {
        self.journal.enabled(level.into())
    }
}

impl From<Level> for tracing::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::TRACE,
            Level::Debug => Self::DEBUG,
            Level::Info => Self::INFO,
            Level::Warn => Self::WARN,
            Level::Error => Self::ERROR,
        }
    }
}
