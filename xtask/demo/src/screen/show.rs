//! How messages and figures look.

use std::fmt;

use super::{Ink, Screen, column, digest, wrap};
use crate::{
    expected::DEAD_PREFIX,
    message::{Placed, text},
    metrics::Figures,
    scene::{HANDLERS, Handler, PARTITIONS},
    story::Told,
};

/// Columns of the time, of a place and of a key.
const TIME: usize = 6;
const PLACE: usize = 21;
const KEY: usize = 11;

/// What was counted since the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages in.
    pub inputs: u64,
    /// Messages out.
    pub outputs: u64,
    /// Dead letters.
    pub dead: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            inputs,
            outputs,
            dead,
        } = self;
        write!(f, "{inputs} in · {outputs} out · {dead} dead-lettered")
    }
}

impl Screen {
    /// Shows an input with its outputs.
    pub fn told(&self, told: &Told) {
        match told {
            Told::Input {
                input,
                outcomes,
                committed,
            } => {
                let time = format!("{:<TIME$}", self.time());
                let key = text(input.message.key.as_deref());
                self.row(
                    &time,
                    Ink::Bold,
                    input,
                    &key,
                    Ink::Plain,
                    &digest::of_input(&input.message),
                );
                for (at, outcome) in outcomes.iter().enumerate() {
                    self.outcome(outcome, input, at + 1 == outcomes.len());
                }
                if outcomes.is_empty() {
                    self.nothing(input, *committed);
                }
            }
            Told::Late { input, outcome } => {
                let from = format!("of {input}, which came before:");
                self.line(&[(Ink::Dim, &" ".repeat(TIME)), (Ink::Dim, &from)]);
                self.outcome(outcome, input, true);
            }
            Told::Stray(outcome) => self.outcome(outcome, outcome, true),
        }
    }

    fn outcome(&self, outcome: &Placed, input: &Placed, last: bool) {
        let branch = if last { "└ " } else { "├ " };
        let before = format!("{}{branch}", " ".repeat(TIME));
        let header = |name: &str| {
            let value = outcome.message.header(&format!("{DEAD_PREFIX}{name}"));
            value.unwrap_or_default()
        };
        if Handler::writing(&outcome.message.topic).is_some_and(|h| h.dead == outcome.message.topic)
        {
            let why = format!(
                "dead-lettered ({}, attempt {}): {}",
                header("error-kind"),
                header("attempts"),
                header("error-text")
            );
            return self.row(&before, Ink::Red, outcome, "", Ink::Red, &why);
        }
        let key = text(outcome.message.key.as_deref());
        let what = digest::of_output(&outcome.message, &input.message);
        self.row(&before, Ink::Green, outcome, &key, Ink::Plain, &what);
    }

    fn nothing(&self, input: &Placed, committed: bool) {
        let handler = Handler::reading(&input.message.topic).map_or("the handler", |h| h.name);
        let what = if committed {
            format!("└ nothing: {handler} passed it over; committed")
        } else {
            format!("└ not handled yet by {handler}")
        };
        self.line(&[(Ink::Plain, &" ".repeat(TIME)), (Ink::Dim, &what)]);
    }

    /// A row of place, key and text; without a key the text begins in its column.
    fn row(&self, before: &str, place_ink: Ink, at: &Placed, key: &str, ink: Ink, what: &str) {
        // A branch takes two columns of the place. Where no key follows nothing need be in line.
        let used = before.chars().count();
        let (place, key) = match key {
            "" => (at.to_string(), String::new()),
            key => (
                column(&at.to_string(), TIME + PLACE - used),
                column(key, KEY),
            ),
        };
        let indent = used + place.chars().count() + 1 + key.chars().count();
        let width = self.width().saturating_sub(indent);
        for (at, part) in wrap(what, width, width).iter().enumerate() {
            if at == 0 {
                let (place, key) = (format!("{place} "), key.as_str());
                self.line(&[
                    (Ink::Dim, before),
                    (place_ink, &place),
                    (Ink::Plain, key),
                    (ink, part),
                ]);
            } else {
                self.line(&[(Ink::Plain, &" ".repeat(indent)), (ink, part)]);
            }
        }
    }

    /// Shows where everything stands.
    pub fn status(&self, counts: Counts, figures: &Figures) {
        let head = format!("── {} ── {counts} · swaps {} ", self.time(), figures.swaps);
        let rule = "─".repeat(self.width().saturating_sub(head.chars().count()));
        self.say(Ink::Dim, &format!("{head}{rule}"));
        for handler in HANDLERS {
            self.line(&[
                (Ink::Dim, "   "),
                (Ink::Bold, &column(handler.name, 18)),
                (Ink::Dim, &standing(handler, figures)),
            ]);
        }
        self.say(Ink::Dim, &"─".repeat(self.width()));
    }
}

/// Revision, committed offsets and lag of a handler.
fn standing(handler: &Handler, figures: &Figures) -> String {
    let revision = figures.revisions.get(handler.name).map_or("none", |id| id);
    let Some(lag) = figures.lag(handler.name) else {
        return format!("revision {revision}  joining its group");
    };
    let committed = |partition| {
        let id = (handler.name.to_owned(), handler.input.to_owned(), partition);
        let figures = figures.partitions.get(&id);
        figures.map_or("-".to_owned(), |own| own.committed.to_string())
    };
    let committed: Vec<String> = (0..PARTITIONS).map(committed).collect();
    format!(
        "revision {revision}  {} committed {}  lag {lag}",
        column(handler.input, 12),
        committed.join(" ")
    )
}
