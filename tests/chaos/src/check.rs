//! The checker: input ids against outputs, and every repeat against what the broker said was committed.
//!
//! Invariant: pure. The same history has the same findings, so that a handmade one can show that each fault is found.

#[cfg(test)]
mod tests;

use crate::{
    bound::{self, Bound, Settings},
    history::{History, Incident, Output},
};

/// Of each partition the offset and the moment of the first copy of each message, in the order of offsets.
pub type Firsts = Vec<(i64, i64)>;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Ids that never came out.
    pub lost: Vec<usize>,
    /// Outputs that belong to no input, or lie in another partition than their input.
    pub strangers: usize,
    /// Ids whose first copy came out after that of a later message it must not follow.
    pub disordered: Vec<usize>,
    /// Ids that came out, for the first time or again, after they had been committed.
    pub after_commit: Vec<usize>,
    /// Ids that came out again although nothing had happened that explains it.
    pub unexplained: Vec<usize>,
    /// The repeats of each incident, in their order.
    pub repeats: Vec<Repeats>,
    /// Partitions whose commit went backwards.
    pub backwards: Vec<usize>,
    /// Of each partition how many messages are not committed at the end.
    pub lag: Vec<i64>,
}

/// What one incident repeated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repeats {
    /// By partition.
    pub counts: Vec<usize>,
    /// By partition; empty for an incident that must repeat nothing.
    pub bounds: Vec<Bound>,
    /// How long before the incident the oldest earlier copy had come out, in milliseconds.
    pub oldest: i64,
}

impl Repeats {
    fn count(&mut self, partition: usize, age: i64) {
        self.counts[partition] += 1;
        self.oldest = self.oldest.max(age);
    }

    /// Of all partitions together.
    pub fn sum(&self) -> usize {
        self.counts.iter().sum()
    }

    /// The partitions with more repeats than allowed.
    pub fn over(&self) -> Vec<usize> {
        let pairs = self.counts.iter().zip(&self.bounds).enumerate();
        let over = pairs.filter(|(_, (count, bound))| **count > bound.most());
        over.map(|(partition, _)| partition).collect()
    }

    /// The partition that came nearest to its bound (or went farthest over it).
    pub fn nearest(&self) -> Option<(usize, usize, Bound)> {
        let all = self.counts.iter().zip(&self.bounds).enumerate();
        let all = all.map(|(partition, (count, bound))| (partition, *count, *bound));
        all.max_by_key(|(_, count, bound)| count * 10_000 / bound.most().max(1))
    }
}

/// What may overtake what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordered {
    /// Nothing within a partition.
    Partition,
    /// Nothing of the same key. The key of an id is its remainder by this.
    Key(usize),
}

/// Judges a run.
pub fn check(history: &History, ordered: Ordered, settings: Settings) -> Findings {
    let mut findings = Findings {
        repeats: vec![
            Repeats {
                counts: vec![0; history.outputs.len()],
                ..Repeats::default()
            };
            history.incidents.len()
        ],
        backwards: backwards(history),
        ..Findings::default()
    };
    let mut last_copy: Vec<Option<Output>> = vec![None; history.inputs.len()];
    let mut all_firsts = Vec::new();
    for (partition, outputs) in history.outputs.iter().enumerate() {
        let firsts = walk(history, partition, outputs, &mut last_copy, &mut findings);
        findings.disordered.extend(disorder(&firsts, ordered));
        let mut times: Firsts = firsts
            .iter()
            .map(|first| (first.source, first.at))
            .collect();
        times.sort_unstable();
        all_firsts.push(times);
    }
    let ids = last_copy.iter().enumerate();
    findings.lost = ids
        .filter(|(_, copy)| copy.is_none())
        .map(|(id, _)| id)
        .collect();
    let ends = history.ends.iter().zip(&history.committed);
    findings.lag = ends.map(|(end, committed)| end - committed).collect();
    set_bounds(history, &all_firsts, settings, &mut findings);
    findings
}

/// A message's first copy.
struct First {
    id: usize,
    source: i64,
    at: i64,
}

/// Walks one partition of the output topic and returns the first copies in the order in which they came out.
fn walk(
    history: &History,
    partition: usize,
    outputs: &[Output],
    last_copy: &mut [Option<Output>],
    findings: &mut Findings,
) -> Vec<First> {
    let mut firsts = Vec::new();
    for output in outputs {
        let known = output.id.and_then(|id| Some((id, history.inputs.get(id)?)));
        let Some((id, place)) = known.filter(|(_, place)| place.partition == partition) else {
            findings.strangers += 1;
            continue;
        };
        if was_committed(history, partition, place.offset, output.offset) {
            findings.after_commit.push(id);
        }
        match last_copy[id].replace(*output) {
            None => firsts.push(First {
                id,
                source: place.offset,
                at: output.at,
            }),
            Some(earlier) => match cause(history, partition, earlier.offset, output.offset) {
                Some(incident) => {
                    let age = history.incidents[incident].snapshot.at - earlier.at;
                    findings.repeats[incident].count(partition, age);
                }
                None => findings.unexplained.push(id),
            },
        }
    }
    firsts
}

/// Whether a message had been committed when a copy of it came out. The last snapshot before the copy knows most.
fn was_committed(history: &History, partition: usize, source: i64, copy: i64) -> bool {
    let before = |incident: &Incident| {
        let end = incident.snapshot.ends.get(partition);
        end.is_some_and(|end| *end <= copy)
    };
    let last = history.incidents.iter().rev().find(|one| before(one));
    last.and_then(|incident| incident.snapshot.committed.get(partition))
        .is_some_and(|progress| progress.covers(source))
}

/// Which unclean incident explains that a message came out at both offsets: the earlier copy stood in the topic
/// when it was over, the later one came after it began.
fn cause(history: &History, partition: usize, earlier: i64, later: i64) -> Option<usize> {
    let explains = |incident: &Incident| {
        let bounds = incident
            .before
            .get(partition)
            .zip(incident.closed.get(partition));
        incident.unclean
            && bounds.is_some_and(|(before, closed)| *before <= later && earlier < *closed)
    };
    history.incidents.iter().rposition(explains)
}

/// The ids whose first copy came out too late.
fn disorder(firsts: &[First], ordered: Ordered) -> Vec<usize> {
    let lanes = match ordered {
        Ordered::Partition => 1,
        Ordered::Key(keys) => keys,
    };
    let mut latest = vec![i64::MIN; lanes];
    let mut late = Vec::new();
    for first in firsts {
        let latest = &mut latest[first.id % lanes];
        if first.source < *latest {
            late.push(first.id);
        }
        *latest = first.source.max(*latest);
    }
    late
}

/// The partitions of which less was committed at one look than at an earlier one.
fn backwards(history: &History) -> Vec<usize> {
    let mut found = Vec::new();
    for (before, after) in history.looks.iter().zip(history.looks.iter().skip(1)) {
        let pairs = before.next.iter().zip(&after.next).enumerate();
        found.extend(
            pairs
                .filter(|(_, (before, after))| after < before)
                .map(|(partition, _)| partition),
        );
    }
    found
}

/// Computes what each unclean incident was allowed to repeat.
fn set_bounds(history: &History, firsts: &[Firsts], settings: Settings, findings: &mut Findings) {
    let latencies = bound::latencies(history, firsts, settings);
    let mut since = i64::MIN;
    for (incident, repeats) in history.incidents.iter().zip(&mut findings.repeats) {
        if !incident.unclean {
            continue;
        }
        let partitions = firsts.iter().zip(&latencies);
        repeats.bounds = partitions
            .map(|(firsts, latency)| bound::bound(firsts, since, incident, *latency, settings))
            .collect();
        since = incident.snapshot.at;
    }
}
