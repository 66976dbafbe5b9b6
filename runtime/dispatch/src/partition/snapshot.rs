//! What a partition looks like from outside: for status, metrics and the stall watchdog.

use pelton_types::Offset;

use super::{Partition, entry::Stage};

/// The state of a partition at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The next offset to be fetched.
    pub position: Offset,
    /// The lowest offset that is not finished.
    pub watermark: Offset,
    /// The next offset that is known to be committed.
    pub committed: Offset,
    /// Messages held: fetched and not released.
    pub messages: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Messages of the calls under way.
    pub calling: usize,
    /// Messages whose outputs or dead letter are being written.
    pub in_delivery: usize,
    /// Messages that wait for their next attempt.
    pub retrying: usize,
    /// Refused dead letters that wait to be written again.
    pub dead_letters_waiting: usize,
    /// The lowest message that is not finished.
    pub oldest: Option<Oldest>,
    /// Fetching is paused.
    pub paused: bool,
    /// An operator has paused it: no message is called.
    pub suspended: bool,
    /// Nothing further is begun: what is finished doesn't fit into the commit's metadata.
    pub crowded: bool,
    /// A message ended the partition's work.
    pub halted: bool,
    /// A drain has begun.
    pub draining: bool,
}

/// The lowest message that is not finished: what the watermark waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oldest {
    /// Its offset.
    pub offset: Offset,
    /// How far it has come.
    pub stage: Stage,
    /// Attempts made at it that count.
    pub attempts: u32,
}

impl Partition {
    /// The state at this moment. Cheap enough to be taken after each event.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            position: self.backlog.position(),
            watermark: self.backlog.watermark(),
            committed: self.commits.acknowledged(),
            messages: self.backlog.len(),
            bytes: self.backlog.bytes(),
            calling: self.calling(),
            in_delivery: self.in_delivery,
            retrying: self.backlog.retrying(),
            dead_letters_waiting: self.letters.len(),
            oldest: self.backlog.iter().find_map(|entry| {
                let stage = entry.stage()?;
                Some(Oldest {
                    offset: entry.offset,
                    stage,
                    attempts: entry.attempts,
                })
            }),
            paused: self.flow.is_paused(),
            suspended: self.suspended,
            crowded: self.crowded,
            halted: self.halted,
            draining: self.drain.is_some(),
        }
    }
}
