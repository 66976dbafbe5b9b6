//! What a member had before its group shared out anew, so that it can say what it takes over from others.
//!
//! No protocol tells a member who has left, or why: what is new to a member that had work already is all that it knows.

use std::collections::HashSet;

use pelton_types::TopicPartition;

/// The partitions that a member had last.
#[derive(Debug, Default)]
pub(super) struct Holdings(HashSet<TopicPartition>);

impl Holdings {
    /// The group has shared out anew: the member has `now`. How many of these it did not have before; none where it had
    /// nothing, for then it begins or stood by.
    pub(super) fn assigned<'p>(
        &mut self,
        now: impl IntoIterator<Item = &'p TopicPartition>,
    ) -> usize {
        let now: HashSet<_> = now.into_iter().cloned().collect();
        let new = now.difference(&self.0).count();
        let had_work = !self.0.is_empty();
        self.0 = now;
        if had_work { new } else { 0 }
    }

    /// The member keeps `kept`. Where that is nothing the group may be about to give it back what it had, as it does each
    /// time with the eager protocol.
    pub(super) fn revoked<'p>(&mut self, kept: impl IntoIterator<Item = &'p TopicPartition>) {
        let kept: HashSet<_> = kept.into_iter().cloned().collect();
        if !kept.is_empty() {
            self.0 = kept;
        }
    }

    /// The group went on without this member, which begins anew.
    pub(super) fn lost(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: &[i32]) -> Vec<TopicPartition> {
        let partition = |number: &i32| TopicPartition::new("t", *number);
        numbers.iter().map(partition).collect()
    }

    #[test]
    fn what_comes_beside_other_work_is_taken_over() {
        let mut holdings = Holdings::default();
        assert_eq!(holdings.assigned(&of(&[])), 0);
        assert_eq!(holdings.assigned(&of(&[0, 1])), 0, "it begins");
        assert_eq!(holdings.assigned(&of(&[0, 1, 2, 3])), 2);
        holdings.revoked(&of(&[0, 1]));
        assert_eq!(holdings.assigned(&of(&[0, 1, 3])), 1, "again another's");
    }

    #[test]
    fn what_was_taken_away_to_be_shared_out_anew_is_not() {
        let mut holdings = Holdings::default();
        holdings.assigned(&of(&[0, 1]));
        holdings.revoked(&of(&[]));
        assert_eq!(holdings.assigned(&of(&[0, 1])), 0);
        holdings.revoked(&of(&[]));
        assert_eq!(holdings.assigned(&of(&[0, 1, 2])), 1);
    }

    #[test]
    fn who_comes_back_takes_over_nothing() {
        let mut holdings = Holdings::default();
        holdings.assigned(&of(&[0, 1]));
        holdings.lost();
        assert_eq!(holdings.assigned(&of(&[0, 1, 2])), 0);
    }
}
