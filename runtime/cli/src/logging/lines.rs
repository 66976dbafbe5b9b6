//! Keeps the last lines about each handler for the dashboard, while they go where the log goes.

use std::{
    fmt::{self, Write},
    sync::LazyLock,
    time::{SystemTime, UNIX_EPOCH},
};

use pelton_admin::{LastLines, Line};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::layer::{Context, Layer};

/// One log, one place for its last lines.
static LINES: LazyLock<LastLines> = LazyLock::new(LastLines::default);

/// The last lines of this process's log.
pub(crate) fn last() -> LastLines {
    LINES.clone()
}

/// Keeps what names a handler.
pub(super) struct Keep;

impl<S: Subscriber> Layer<S> for Keep {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        let Some(handler) = &said.handler else { return };
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let at = since.unwrap_or_default().as_millis();
        let line = Line {
            at: u64::try_from(at).unwrap_or(u64::MAX),
            level: event.metadata().level().as_str().to_ascii_lowercase(),
            guest: event.metadata().target() == "pelton::guest",
            text: format!("{}{}", said.message, said.fields),
        };
        LINES.keep(handler, line);
    }
}

/// An event, as the log has it, but for its handler, which stands apart.
#[derive(Default)]
struct Said {
    handler: Option<String>,
    message: String,
    fields: String,
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "handler" => self.handler = Some(value.to_owned()),
            _ => self.record_debug(field, &value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string succeeds.
        let _ = match field.name() {
            "handler" => {
                self.handler = Some(format!("{value:?}"));
                Ok(())
            }
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::prelude::*;

    use super::*;

    #[test]
    fn lines_about_a_handler_are_kept_with_their_fields() {
        let subscriber = tracing_subscriber::registry().with(Keep);
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(handler = "kept", offset = 7, error = %"no", "it failed");
            tracing::info!(target: "pelton::guest", handler = %"kept", "said\n<b>");
            tracing::info!("about nobody");
        });
        let kept = last().of("kept");
        let told = kept
            .iter()
            .map(|line| (&*line.level, line.guest, &*line.text));
        let wanted = [
            ("warn", false, "it failed offset=7 error=no"),
            ("info", true, "said\n<b>"),
        ];
        assert!(told.eq(wanted), "{kept:?}");
    }
}
