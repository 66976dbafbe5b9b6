//! Says of a handler's partitions which of them do not move: to the log once, and for as long as it lasts to
//! `/readyz` and the metrics. And of all of them together whether they fall behind what comes in.

use std::collections::HashMap;

use pelton_dispatch::{Oldest, Snapshot, Stage};
use pelton_kafka::End;
use pelton_types::TopicPartition;
use tracing::{info, warn};

use super::Shared;
use crate::{
    behind::{self, Backlog},
    stall::{Observed, Place, Seen, Stall, Watch, waits_at},
};

/// The watches over a handler's partitions.
#[derive(Default)]
pub(super) struct Watchdog {
    watches: HashMap<TopicPartition, Watch>,
    /// How many partitions stand at each place.
    standing: HashMap<Place, i64>,
    behind: behind::Watch,
    round: Round,
}

/// What the partitions of a round have come to.
#[derive(Default)]
struct Round {
    lag: i64,
    partitions: usize,
    /// The most lag of one, and what that one waits at.
    most: (i64, Option<Place>),
}

impl Watchdog {
    /// Begins a round over all partitions; each is then [`look`](Self::look)ed at, and the round
    /// [`ended`](Self::end_round).
    pub(super) fn begin_round(&mut self) {
        self.standing.clear();
        self.round = Round::default();
    }

    /// Says what keeps this partition from moving, if anything does.
    pub(super) fn look(
        &mut self,
        shared: &Shared,
        partition: &TopicPartition,
        snapshot: &Snapshot,
        end: Option<End>,
    ) -> Option<String> {
        let watch = self
            .watches
            .entry(partition.clone())
            .or_insert_with(|| Watch::new(shared.stall_after, shared.policy.commit_interval));
        let now = shared.clock.now();
        self.round.add(Seen { snapshot, end, now });
        let stall = match watch.observe(Seen { snapshot, end, now }) {
            Observed::Fine => None,
            Observed::Began(stall) => {
                let Stall { place, at, lasted } = &stall;
                warn!(handler = %shared.name, %partition, stage = place.as_str(), ?lasted,
                    "the partition does not move: {at}");
                Some(stall)
            }
            Observed::Lasts(stall) => Some(stall),
            Observed::Over { lasted } => {
                info!(handler = %shared.name, %partition, ?lasted, "the partition moves again");
                None
            }
        };
        if let Some(stall) = &stall {
            *self.standing.entry(stall.place).or_default() += 1;
        }
        at_once(shared, partition, snapshot).or_else(|| {
            let Stall { place, at, lasted } = stall?;
            let (place, seconds) = (place.as_str(), lasted.as_secs());
            Some(format!(
                "{partition} has not moved for {seconds} s ({place}): {at}"
            ))
        })
    }

    /// Publishes what the round found.
    pub(super) fn end_round(&mut self, shared: &Shared) {
        self.say_whether_behind(shared);
        let count = |place| self.standing.get(&place).copied().unwrap_or(0);
        shared
            .metrics
            .stalled(Place::ALL.map(|place| (place.as_str(), count(place))));
    }

    fn say_whether_behind(&mut self, shared: &Shared) {
        // What an operator has stopped is behind because of that.
        if *shared.paused.borrow() {
            shared.shown.behind(None);
            return;
        }
        let Round {
            lag,
            partitions,
            most: (_, place),
        } = self.round;
        let at = place.map_or("nothing", Place::as_str);
        let standing = self
            .behind
            .observe(shared.clock.now(), Backlog { lag, partitions });
        match standing {
            behind::Standing::Fine | behind::Standing::Lasts => {}
            behind::Standing::Began => {
                warn!(handler = %shared.name, lag, at, "the handler falls behind: more comes in than it handles");
            }
            behind::Standing::Over => {
                info!(handler = %shared.name, lag, "the handler has caught up")
            }
        }
        let is_behind = matches!(standing, behind::Standing::Began | behind::Standing::Lasts);
        shared.shown.behind(is_behind.then(|| {
            format!("it has fallen behind what comes in: {lag} messages wait, those of the longest queue for {at}")
        }));
    }

    /// Ends the watch over a partition that is not ours any more.
    pub(super) fn forget(&mut self, partition: &TopicPartition) {
        self.watches.remove(partition);
    }

    /// Ends every watch.
    pub(super) fn end(&mut self, shared: &Shared) {
        self.watches.clear();
        self.behind = behind::Watch::default();
        self.begin_round();
        self.end_round(shared);
    }
}

impl Round {
    fn add(&mut self, seen: Seen<'_>) {
        let lag = seen.end.map_or(0, |end| end.high - seen.snapshot.watermark);
        self.lag = self.lag.saturating_add(lag.max(0));
        self.partitions += 1;
        if lag > self.most.0 {
            self.most = (lag, waits_at(seen));
        }
    }
}

/// What is known to keep a partition from moving as soon as it happens.
fn at_once(shared: &Shared, partition: &TopicPartition, snapshot: &Snapshot) -> Option<String> {
    let Oldest { offset, stage, .. } = snapshot.oldest?;
    match stage {
        Stage::Halted => Some(format!(
            "{partition} stopped at offset {offset}, as on-exhausted = \"stop\" says"
        )),
        Stage::DeadLettering if snapshot.dead_letters_waiting > 0 => Some(format!(
            "{partition} waits at offset {offset}: its dead letter is refused by topic {} and written again and again",
            shared.dead_letter_topic.as_deref().unwrap_or_default()
        )),
        Stage::Queued
        | Stage::Calling
        | Stage::Retrying { .. }
        | Stage::Producing
        | Stage::DeadLettering => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use tokio::sync::watch;

    use super::*;
    use crate::{budget::Budget, clock::Clock, metrics::Metrics};

    const CONFIG: &str = r#"
        [clusters.default]
        bootstrap-servers = ["kafka:9092"]
        [handlers.h]
        component = "h.wasm"
        topics = ["in"]
    "#;

    fn shared(paused: watch::Receiver<bool>) -> Shared {
        let config = pelton_config::parse(CONFIG, Path::new("pelton.toml"), &|_| None).unwrap();
        let budget = Budget::new(config.daemon.memory);
        let share = budget.hire(1, 1).share();
        let metrics = Arc::new(Metrics::default()).handler("h", "g");
        let (handler, clock) = (&config.handlers["h"], Clock::start());
        Shared::new(handler, paused, metrics, clock, budget, share, None)
    }

    #[test]
    fn that_a_handler_has_fallen_behind_is_not_told_while_it_is_paused() {
        let (pause, paused) = watch::channel(false);
        let (shared, mut watchdog) = (shared(paused), Watchdog::default());
        shared.shown.behind(Some("it has fallen behind".to_owned()));
        pause.send_replace(true);
        watchdog.begin_round();
        watchdog.end_round(&shared);
        assert_eq!(shared.shown.is_behind(), None);
        // Nor is it in the next life, which may begin with a pause.
        shared.shown.behind(Some("it has fallen behind".to_owned()));
        watchdog.end(&shared);
        assert_eq!(shared.shown.is_behind(), None);
    }
}
