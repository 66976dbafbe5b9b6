//! What a run has exercised. A simulator that never meets a case proves nothing about it.

/// Defines what a run may meet, and the counts of it.
macro_rules! define_coverage {
    ($($name:ident => $text:literal,)+) => {
        use std::fmt;

        /// Something that a run may meet.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Seen {
            $(#[doc = $text] $name,)+
        }

        impl Seen {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// In words.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }

        /// How often each thing was met.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Coverage(Vec<u64>);

        impl Default for Coverage {
            fn default() -> Self {
                Self(vec![0; Seen::ALL.len()])
            }
        }

        impl Coverage {
            /// Counts one.
            pub fn saw(&mut self, seen: Seen) {
                self.add(seen, 1);
            }

            fn add(&mut self, seen: Seen, times: u64) {
                if let Some(count) = self.0.get_mut(seen as usize) {
                    *count += times;
                }
            }

            /// How often.
            pub fn count(&self, seen: Seen) -> u64 {
                self.0.get(seen as usize).copied().unwrap_or_default()
            }

            /// What was never met.
            pub fn missing(&self) -> Vec<Seen> {
                Seen::ALL
                    .iter()
                    .copied()
                    .filter(|seen| self.count(*seen) == 0)
                    .collect()
            }

            /// Adds another run's counts.
            pub fn merge(&mut self, other: &Self) {
                for (count, more) in self.0.iter_mut().zip(&other.0) {
                    *count += more;
                }
            }
        }

        impl fmt::Display for Coverage {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Seen::ALL
                    .iter()
                    .try_for_each(|seen| writeln!(f, "{:>12}  {}", self.count(*seen), seen.as_str()))
            }
        }
    };
}
pub(super) use define_coverage;

define_coverage! {
    Step => "events given to machines",
    Joined => "members joined",
    Crashed => "members crashed (kill -9)",
    Expired => "sessions of dead members expired",
    Stopped => "members stopped as asked",
    Fenced => "living members fenced",
    Rebalanced => "rebalances",
    Assigned => "partitions assigned",
    CameBack => "partitions that came back to the same member",
    Revoked => "partitions revoked",
    Lost => "partitions lost",
    DrainedClean => "drains that left nothing unfinished",
    DrainedUnclean => "drains that left something unfinished",
    DrainedLate => "drains that ran into their deadline",
    DrainedWaiting => "drains past a waiting retry or refused dead letter",
    Curtailed => "calls curtailed",
    Cancelled => "calls cancelled",
    LateAnswer => "answers of cancelled calls",
    Stale => "completions after the assignment had ended",
    Batch => "calls of several messages",
    CutShort => "calls cut short as by a swap",
    NotAttempted => "messages answered as not attempted",
    Retried => "retries",
    RetryWish => "retries at the handler's wish",
    FellBack => "messages given to the revision before",
    InstanceDied => "instances that died in a call",
    Fresh => "calls on fresh instances",
    Innocent => "innocent messages repeated on a fresh instance",
    GuiltyAlone => "messages that failed on a fresh instance",
    PassedOver => "messages given up because the guest passed them over",
    Forbidden => "results behind a failure discarded",
    Filtered => "messages filtered",
    Produced => "messages whose outputs were produced",
    OutputRefused => "outputs refused",
    DeadLettered => "dead letters written",
    LetterRefused => "dead letters refused",
    LetterAgain => "refused dead letters written again",
    Skipped => "messages skipped",
    Halted => "partitions halted",
    LateWrite => "writes that took long",
    LandedAfterEnd => "writes that landed after their assignment's end",
    Purged => "writes lost with their assignment",
    Repeated => "messages written again by a later owner",
    Committed => "commits",
    CommitFailed => "commits that failed",
    CommitLied => "commits that took effect and were reported as failed",
    CommitFenced => "commits refused by the coordinator's fence",
    LastCommitFailed => "last commits of a drain that failed",
    Paused => "fetches paused",
    Resumed => "fetches resumed",
    Overshot => "fetches that came in spite of a pause",
    FetchedDraining => "fetches that came while draining",
    OffsetGap => "gaps between offsets",
    SpuriousTimer => "timers without need",
    SeveralCalls => "calls beside others",
    OvertookCall => "messages called past one that is being called",
    OvertookRetry => "messages called past one that waits for its retry",
    WentOn => "results behind a failure of another row",
    InFlightFull => "moments in which nothing further may be begun",
    CommittedSame => "commits of the same offset with other metadata",
    InheritedFinished => "assignments that inherited finished messages",
    InheritedAttempts => "assignments that inherited attempts",
    AttemptsContinued => "attempts counted on by a later owner",
    Crowded => "commits that could not tell everything",
    CrowdEnded => "times that everything fitted again",
    Untold => "finished messages for which a later commit had no room",
    ForeignMetadata => "metadata of another program",
    DamagedMetadata => "metadata that was damaged",
    Swapped => "swaps",
    Suspended => "members paused by an operator",
    AssignedSuspended => "partitions assigned to a paused member",
    BufferChanged => "changes of the buffer's limit",
}
