//! Where each handler stands, in words: what `/readyz` answers from.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use pelton_kafka::TroubleClass;
use serde::Serialize;
use tracing::warn;

/// Where a handler stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "reason")]
pub enum Standing {
    /// Not there yet, and why. Goes on by itself once the reason is gone.
    Waiting(String),
    /// A member of its group.
    Running,
    /// It runs, but something is wrong that keeps messages from moving.
    Troubled(String),
    /// It is over until the configuration is reloaded or the daemon restarted.
    Failed(String),
}

/// The standing of every handler, shared between who knows it and who asks.
#[derive(Clone, Debug, Default)]
pub struct Status(Arc<Mutex<BTreeMap<String, BTreeMap<Aspect, Standing>>>>);

/// What a handler's standing is about: each is cleared by whoever set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Aspect {
    Life,
    Input(TroubleClass),
    Output,
    /// Whether transactions are committed, which a producer that is well doesn't tell.
    Transactions,
    Stuck,
    Overtaken,
}

impl Aspect {
    /// All of them.
    pub(crate) const ALL: [Self; 13] = [
        Self::Life,
        Self::Input(TroubleClass::Unreachable),
        Self::Input(TroubleClass::Authentication),
        Self::Input(TroubleClass::Tls),
        Self::Input(TroubleClass::Authorization),
        Self::Input(TroubleClass::UnknownTopic),
        Self::Input(TroubleClass::Group),
        Self::Input(TroubleClass::OutOfRange),
        Self::Input(TroubleClass::Corrupt),
        Self::Output,
        Self::Transactions,
        Self::Stuck,
        Self::Overtaken,
    ];

    /// As it stands in labels.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Life => "life",
            Self::Input(class) => class.as_str(),
            Self::Output => "output",
            Self::Transactions => "transactions",
            Self::Stuck => "stuck",
            Self::Overtaken => "overtaken",
        }
    }
}

impl Status {
    pub(crate) fn set(&self, handler: &str, aspect: Aspect, standing: Standing) {
        let mut all = self.0.lock();
        let standings = all.entry(handler.to_owned()).or_default();
        standings.insert(aspect, standing);
    }

    pub(crate) fn clear(&self, handler: &str, aspect: Aspect) {
        if let Some(standings) = self.0.lock().get_mut(handler) {
            standings.remove(&aspect);
        }
    }

    /// Forgets a handler that has ended.
    pub(crate) fn forget(&self, handler: &str) {
        self.0.lock().remove(handler);
    }

    /// Forgets what an earlier life of the handler was troubled by.
    pub(crate) fn forget_troubles(&self, handler: &str) {
        if let Some(standings) = self.0.lock().get_mut(handler) {
            standings.retain(|aspect, _| *aspect == Aspect::Life);
        }
    }

    /// All that is known of a handler.
    pub(crate) fn of(&self, handler: &str) -> Vec<Standing> {
        let all = self.0.lock();
        let standings = all.get(handler).into_iter();
        standings.flat_map(BTreeMap::values).cloned().collect()
    }

    /// A client of a handler has trouble that keeps messages from moving, which is said once.
    pub(crate) fn troubled(&self, handler: &str, aspect: Aspect, told: (TroubleClass, String)) {
        let text = told.1.clone();
        if self.trouble(handler, aspect, told) {
            warn!(handler, "{text}");
        }
    }

    /// A handler's producer has this trouble now, or none.
    pub(crate) fn producer(&self, handler: &str, trouble: Option<(TroubleClass, String)>) {
        match trouble {
            Some(told) => self.troubled(handler, Aspect::Output, told),
            None => self.clear(handler, Aspect::Output),
        }
    }

    /// A client of a handler has trouble; whether the log has to say so. Consumer and producer meet the same outage, and each
    /// has its own words, in brackets, for why.
    fn trouble(
        &self,
        handler: &str,
        aspect: Aspect,
        (class, text): (TroubleClass, String),
    ) -> bool {
        let head = |text: &str| text.split(" (").next().map(str::to_owned);
        let said = |standing: &Standing| match standing {
            Standing::Troubled(why) => head(why) == head(&text),
            Standing::Running | Standing::Waiting(_) | Standing::Failed(_) => false,
        };
        let known = class.is_of_connecting() && self.of(handler).iter().any(said);
        self.set(handler, aspect, Standing::Troubled(text));
        !known
    }

    /// What of a handler is not as it should be.
    pub(crate) fn troubles(&self, handler: &str) -> Vec<Aspect> {
        let all = self.0.lock();
        let wrong = all.get(handler).into_iter().flatten();
        wrong
            .filter(|(_, standing)| **standing != Standing::Running)
            .map(|(aspect, _)| *aspect)
            .collect()
    }

    /// Why the daemon is not ready, one line each; empty when every handler runs untroubled.
    pub fn not_ready(&self) -> Vec<String> {
        let all = self.0.lock();
        all.iter()
            .flat_map(|(handler, standings)| {
                standings
                    .values()
                    .filter_map(move |standing| match standing {
                        Standing::Running => None,
                        Standing::Waiting(why)
                        | Standing::Troubled(why)
                        | Standing::Failed(why) => Some(format!("{handler}: {why}")),
                    })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_producer_that_is_well_again_says_nothing_of_its_transactions() {
        let status = Status::default();
        let aborted = Standing::Troubled("4 transactions in a row were aborted".to_owned());
        status.set("h", Aspect::Transactions, aborted);
        let trouble = (TroubleClass::Unreachable, "no broker".to_owned());
        status.producer("h", Some(trouble));
        assert_eq!(status.troubles("h"), [Aspect::Output, Aspect::Transactions]);
        status.producer("h", None);
        assert_eq!(status.troubles("h"), [Aspect::Transactions]);
    }

    #[test]
    fn an_outage_that_consumer_and_producer_meet_is_said_once_and_each_denial_for_itself() {
        let status = Status::default();
        let consumer =
            |class, text: &str| status.trouble("h", Aspect::Input(class), (class, text.to_owned()));
        let producer = |class, text: &str| {
            let told = (class, text.to_owned());
            status.trouble("h", Aspect::Output, told)
        };
        let (unreachable, denied) = (TroubleClass::Unreachable, TroubleClass::Authorization);
        assert!(consumer(
            unreachable,
            "no broker of b is reachable (refused)"
        ));
        assert!(!producer(
            unreachable,
            "no broker of b is reachable (reset)"
        ));
        assert_eq!(status.not_ready().len(), 2, "both stand there all the same");
        assert!(consumer(denied, "not allowed (topic a)"));
        assert!(producer(denied, "not allowed (topic b)"));
    }
}
