//! The last lines of the log about each handler: `/v1/handlers/NAME/log`.
//!
//! Invariant: bounded, whatever is logged: [`LINES`] lines of [`BYTES`] for each of at most [`HANDLERS`] handlers.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    App,
    answer::{json, wrong},
};

/// Lines of each handler.
const LINES: usize = 100;
/// Bytes of a line; the rest is cut.
const BYTES: usize = 500;
/// More than a daemon runs: names in the log are those of configured handlers, which come and go.
const HANDLERS: usize = 1_000;

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Line {
    /// When it was logged, in milliseconds since 1970.
    pub at: u64,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// The component said it, not the daemon.
    pub guest: bool,
    /// What it says, with its fields.
    pub text: String,
}

/// What is told of a handler.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Told {
    /// 100 at the most, from the oldest on.
    lines: Vec<Line>,
}

/// Where the log leaves them. Copies are the same.
#[derive(Clone, Debug, Default)]
pub struct LastLines(Arc<Mutex<BTreeMap<String, VecDeque<Line>>>>);

impl LastLines {
    /// Keeps a line about this handler, in place of its oldest one.
    pub fn keep(&self, handler: &str, mut line: Line) {
        cut(&mut line.text);
        let mut all = self.0.lock();
        if !all.contains_key(handler) && all.len() >= HANDLERS {
            forget_the_quietest(&mut all);
        }
        let lines = all.entry(handler.to_owned()).or_default();
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// What is kept about this handler, from the oldest on.
    pub fn of(&self, handler: &str) -> Vec<Line> {
        let all = self.0.lock();
        let lines = all.get(handler).into_iter().flatten();
        lines.cloned().collect()
    }
}

/// Makes room: the handler that was last heard of the longest ago is gone, or has the least to say.
fn forget_the_quietest(all: &mut BTreeMap<String, VecDeque<Line>>) {
    let last = |lines: &VecDeque<Line>| lines.back().map(|line| line.at);
    let quietest = all.iter().min_by_key(|(_, lines)| last(lines));
    if let Some(name) = quietest.map(|(name, _)| name.clone()) {
        all.remove(&name);
    }
}

fn cut(text: &mut String) {
    if text.len() > BYTES {
        text.truncate(text.floor_char_boundary(BYTES));
        text.push('…');
    }
}

pub(crate) async fn lines(State(app): State<App>, Path(handler): Path<String>) -> Response {
    if !app.lives.has(&handler) {
        let text = format!("there is no handler `{handler}`");
        return wrong(StatusCode::NOT_FOUND, text);
    }
    let lines = app.lines.of(&handler);
    json(StatusCode::OK, &Told { lines })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: impl Into<String>) -> Line {
        Line {
            at: 1,
            level: "info".to_owned(),
            guest: true,
            text: text.into(),
        }
    }

    #[test]
    fn the_last_lines_of_each_handler_are_kept() {
        let lines = LastLines::default();
        for n in 0..=LINES {
            lines.keep("a", line(n.to_string()));
        }
        lines.keep("b", line("other"));
        let (a, b) = (lines.of("a"), lines.of("b"));
        assert_eq!((a.len(), &*a[0].text, b.len()), (LINES, "1", 1));
        assert_eq!(lines.of("c"), []);
    }

    #[test]
    fn neither_long_lines_nor_many_names_take_more_than_their_share() {
        let lines = LastLines::default();
        lines.keep("a", line("ü".repeat(1 << 20)));
        assert_eq!(lines.of("a")[0].text.len(), BYTES + "…".len());
        for n in 0..2 * HANDLERS {
            lines.keep(&n.to_string(), line("x"));
        }
        assert_eq!(lines.0.lock().len(), HANDLERS);
    }

    #[test]
    fn a_new_handler_s_lines_take_the_place_of_one_that_is_long_gone() {
        let lines = LastLines::default();
        let at = |at| Line { at, ..line("x") };
        for n in 0..HANDLERS {
            lines.keep(&n.to_string(), at(if n == 7 { 1 } else { 2 }));
        }
        lines.keep("new", at(3));
        assert_eq!(lines.of("new").len(), 1);
        assert_eq!((lines.of("7").len(), lines.of("8").len()), (0, 1));
    }
}
