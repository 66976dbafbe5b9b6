//! How much each handler has done, how long that took and how far it lagged over the last hour: `/v1/handlers/NAME/history`.
//!
//! Invariant: bounded: [`POINTS`] points for each handler that is there, however long the daemon runs.

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use parking_lot::Mutex;
use pelton_daemon::{HandlerOverview, Latencies, Lives, Overview};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    App,
    answer::{json, wrong},
};

/// From one point to the next.
const STEP: Duration = Duration::from_secs(10);
/// An hour of them.
const POINTS: usize = 360;

/// The last hour of a handler, from its oldest point on.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Hour {
    /// Seconds from one point to the next, unless the daemon was held up.
    pub step: u64,
    /// 360 at the most.
    pub points: Vec<Point>,
}

/// A handler at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Point {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// Messages that it was done with since the daemon was started, one way or the other.
    pub finished: u64,
    /// Failed attempts since then.
    pub failed: u64,
    /// Messages that are not finished; none without partitions.
    pub lag: Option<i64>,
    /// From being fetched to being finished, in seconds: what half of the messages took at the most that were finished
    /// since the point before. None where there were none. What took longer than 300 s is told as 300 s.
    pub latency_p50: Option<f64>,
    /// What 99 of a hundred took at the most.
    pub latency_p99: Option<f64>,
}

/// What is known of every handler. Copies are the same.
#[derive(Clone, Default)]
pub(crate) struct History(Arc<Mutex<BTreeMap<String, Past>>>);

/// What is known of one.
#[derive(Default)]
struct Past {
    points: VecDeque<Point>,
    /// What was counted up to the last of them.
    latencies: Latencies,
}

impl History {
    /// Looks at the handlers again and again.
    pub(crate) async fn keep(self, lives: Lives) -> Infallible {
        let mut ticks = interval(STEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.add(&lives.overview(), &lives.latencies());
        }
    }

    fn add(&self, overview: &Overview, latencies: &BTreeMap<String, Latencies>) {
        let mut all = self.0.lock();
        // Who is gone is forgotten.
        all.retain(|name, _| overview.handlers.iter().any(|one| one.handler == *name));
        for handler in &overview.handlers {
            let past = all.entry(handler.handler.clone()).or_default();
            let latencies = latencies.get(&handler.handler).copied().unwrap_or_default();
            past.add(handler, overview.now, latencies);
        }
    }

    fn of(&self, handler: &str) -> Option<Vec<Point>> {
        let all = self.0.lock();
        Some(all.get(handler)?.points.iter().copied().collect())
    }
}

impl Past {
    fn add(&mut self, handler: &HandlerOverview, at: u64, latencies: Latencies) {
        if self.points.len() == POINTS {
            self.points.pop_front();
        }
        let lately = latencies.since(&self.latencies);
        self.points.push_back(Point::of(handler, at, &lately));
        self.latencies = latencies;
    }
}

impl Point {
    fn of(handler: &HandlerOverview, at: u64, lately: &Latencies) -> Self {
        let counts = &handler.counts;
        Self {
            at,
            finished: counts.handled + counts.dead_lettered + counts.skipped,
            failed: counts.retried + counts.dead_lettered + counts.skipped,
            lag: (!handler.partitions.is_empty()).then_some(handler.lag),
            latency_p50: lately.quantile(0.5),
            latency_p99: lately.quantile(0.99),
        }
    }
}

pub(crate) async fn history(State(app): State<App>, Path(handler): Path<String>) -> Response {
    match app.history.of(&handler) {
        Some(points) => {
            let step = STEP.as_secs();
            json(StatusCode::OK, &Hour { step, points })
        }
        None => wrong(
            StatusCode::NOT_FOUND,
            format!("nothing is known of a handler `{handler}` yet"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn overview(handlers: &[&str], now: u64) -> Overview {
        let one = |name: &&str| {
            json!({
                "handler": name, "group": "g", "topics": [], "state": "running", "reasons": [],
                "paused": false, "revision": null, "partitions": [], "lag": 0, "in-flight": 0,
                "counts": { "handled": now, "retried": 0, "dead-lettered": 0, "skipped": 0 },
                "last-error": null,
            })
        };
        let handlers: Vec<_> = handlers.iter().map(one).collect();
        let all =
            json!({ "version": "", "config": "", "started": 0, "now": now, "handlers": handlers });
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn an_hour_is_kept_of_each_handler_that_is_there() {
        let history = History::default();
        for now in 0..400 {
            history.add(&overview(&["a", "b"], now), &BTreeMap::new());
        }
        let points = history.of("a").unwrap();
        assert_eq!((points.len(), points[0].at), (POINTS, 40));
        assert_eq!((points[0].finished, points[0].lag), (40, None));
        history.add(&overview(&["b"], 400), &BTreeMap::new());
        assert_eq!(history.of("a"), None);
        assert_eq!(history.of("b").map(|points| points.len()), Some(POINTS));
    }
}
