//! How many messages of a partition an incident may repeat: those in flight, and those that finished within one
//! commit interval and the time that a commit itself takes.
//!
//! Invariant: computed from what came out *before* the incident, so that a storm of repeats can't raise its own bound.

use crate::{
    check::Firsts,
    history::{History, Incident},
};

/// What the daemons were configured with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The most messages of a partition that are in flight.
    pub in_flight: usize,
    /// Milliseconds between two commits.
    pub commit_interval: i64,
}

/// The bound for one incident and partition, and what it was computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// As configured.
    pub in_flight: usize,
    /// The commit interval and the latency, in milliseconds.
    pub window: i64,
    /// The most messages of the partition that finished within such a window, between the incident before and this.
    pub finished: usize,
}

impl Bound {
    /// The most repeats that are in order.
    pub fn most(&self) -> usize {
        self.in_flight + self.finished
    }
}

/// By how much commits of each partition were later than the interval says, at most: milliseconds from an output's
/// arrival until it was seen to be committed, less the interval. Only looks outside of incidents count, because nobody
/// commits for the dead. Never more than the interval again, so that commits that stall can't excuse themselves.
pub fn latencies(history: &History, firsts: &[Firsts], settings: Settings) -> Vec<i64> {
    let worst = |(partition, firsts): (usize, &Firsts)| {
        let mut worst = 0;
        for look in &history.looks {
            if in_turmoil(history, look.at) {
                continue;
            }
            let next = look.next.get(partition).copied().unwrap_or(0);
            let waiting = firsts.partition_point(|(offset, _)| *offset < next);
            if let Some((_, out)) = firsts.get(waiting) {
                worst = worst.max(look.at - out - settings.commit_interval);
            }
        }
        worst.clamp(0, settings.commit_interval)
    };
    firsts.iter().enumerate().map(worst).collect()
}

/// How long after an incident looks don't count: until whoever is dead has been missed and replaced.
const TURMOIL: i64 = 15_000;

/// Whether the moment lies in the wake of an incident.
fn in_turmoil(history: &History, at: i64) -> bool {
    let after = history
        .incidents
        .partition_point(|incident| incident.snapshot.at <= at);
    let last = history.incidents[..after].iter().rev();
    let mut recent = last.take_while(|incident| at - incident.snapshot.at < TURMOIL);
    recent.any(|incident| incident.unclean)
}

/// The bound for one incident and partition.
pub fn bound(
    firsts: &Firsts,
    since: i64,
    incident: &Incident,
    latency: i64,
    settings: Settings,
) -> Bound {
    let window = settings.commit_interval + latency;
    let until = incident.snapshot.at;
    let mut times: Vec<i64> = firsts
        .iter()
        .map(|(_, at)| *at)
        .filter(|at| (since..=until).contains(at))
        .collect();
    times.sort_unstable();
    Bound {
        in_flight: settings.in_flight,
        window,
        finished: most_within(&times, window),
    }
}

/// The most of these moments, in order, that lie within one window.
fn most_within(times: &[i64], window: i64) -> usize {
    let mut from = 0;
    let mut most = 0;
    for (position, at) in times.iter().enumerate() {
        while times[from] < at - window {
            from += 1;
        }
        most = most.max(position + 1 - from);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Look, Snapshot};

    const SETTINGS: Settings = Settings {
        in_flight: 10,
        commit_interval: 1_000,
    };

    #[test]
    fn the_busiest_window_counts() {
        assert_eq!(most_within(&[], 10), 0);
        assert_eq!(most_within(&[0, 5, 10, 11, 30], 10), 3);
    }

    #[test]
    fn only_what_came_out_between_the_incidents_counts() {
        let firsts: Firsts = vec![(0, 100), (1, 5_000), (2, 5_100), (3, 9_000)];
        let incident = Incident {
            snapshot: Snapshot {
                at: 6_000,
                ..Snapshot::default()
            },
            ..Incident::default()
        };
        let bound = bound(&firsts, 200, &incident, 250, SETTINGS);
        assert_eq!((bound.window, bound.finished, bound.most()), (1_250, 2, 12));
    }

    #[test]
    fn a_commit_that_stalls_does_not_excuse_itself() {
        let look = |at, next| Look {
            at,
            next: vec![next],
        };
        let mut history = History {
            looks: vec![look(1_300, 0), look(1_400, 1)],
            ..History::default()
        };
        let firsts: Vec<Firsts> = vec![vec![(0, 0), (1, 1_350)]];
        assert_eq!(latencies(&history, &firsts, SETTINGS), [300]);
        history.looks.push(look(60_000, 1));
        assert_eq!(latencies(&history, &firsts, SETTINGS), [1_000]);
    }

    #[test]
    fn looks_in_the_wake_of_an_incident_do_not_count() {
        let history = History {
            looks: vec![Look {
                at: 5_000,
                next: vec![0],
            }],
            incidents: vec![Incident {
                unclean: true,
                snapshot: Snapshot {
                    at: 1_000,
                    ..Snapshot::default()
                },
                ..Incident::default()
            }],
            ..History::default()
        };
        assert_eq!(latencies(&history, &[vec![(0, 0)]], SETTINGS), [0]);
    }
}
