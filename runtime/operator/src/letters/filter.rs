//! Which dead letters are meant.

use pelton_kafka::Ranges;

use super::Letter;

/// What dead letters must be, all of it. The default lets through whatever the handler gave up on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Also those of other handlers that share the topic, and of other programs.
    pub any_handler: bool,
    /// The topic that their message came from.
    pub source_topic: Option<String>,
    /// The kind of the last failure.
    pub kind: Option<String>,
    /// The message's key.
    pub key: Option<Vec<u8>>,
    /// The message's time, in milliseconds since 1970: not before this.
    pub since: Option<i64>,
    /// Before this.
    pub until: Option<i64>,
    /// Only the one that stands here: its partition and offset.
    pub at: Option<(i32, i64)>,
}

impl Filter {
    /// What has to be read at all.
    pub(super) fn narrow(&self, ranges: Ranges) -> Ranges {
        let Some((partition, offset)) = self.at else {
            return ranges;
        };
        let mut one = ranges;
        one.retain(|(at, range)| at.partition == partition && range.contains(&offset));
        one.iter_mut()
            .for_each(|(_, range)| *range = offset..offset + 1);
        one
    }

    pub(super) fn lets_through(&self, letter: &Letter, handler: &str) -> bool {
        let time = letter.message.timestamp.millis();
        let not_before = |since: i64| time.is_some_and(|time| time >= since);
        let before = |until: i64| time.is_some_and(|time| time < until);
        let source = letter.origin.as_ref().map(|origin| &*origin.topic);
        (self.any_handler || letter.handler.as_deref() == Some(handler))
            && is(self.source_topic.as_deref(), source)
            && is(self.kind.as_deref(), letter.kind.as_deref())
            && is(self.key.as_deref(), letter.message.key.as_deref())
            && self.since.is_none_or(not_before)
            && self.until.is_none_or(before)
    }
}

/// Whether something is what is wanted, where anything is.
fn is<T: PartialEq + ?Sized>(wanted: Option<&T>, found: Option<&T>) -> bool {
    wanted.is_none() || wanted == found
}

#[cfg(test)]
mod tests {
    use super::{super::letter::tests::letter, *};

    #[test]
    fn a_letter_must_be_all_that_is_asked_for() {
        let letter = letter(7, &[("source-offset", "42"), ("error-kind", "trap")]);
        let all = Filter {
            source_topic: Some("orders".into()),
            kind: Some("trap".into()),
            key: Some(b"k".to_vec()),
            since: Some(1_000),
            until: Some(1_001),
            ..Filter::default()
        };
        assert!(all.lets_through(&letter, "h"));
        assert!(!all.lets_through(&letter, "other"));
        let anyone = Filter {
            any_handler: true,
            ..all.clone()
        };
        assert!(anyone.lets_through(&letter, "other"));
        for wrong in [
            Filter {
                source_topic: Some("payments".into()),
                ..all.clone()
            },
            Filter {
                kind: Some("reject".into()),
                ..all.clone()
            },
            Filter {
                key: Some(b"".to_vec()),
                ..all.clone()
            },
            Filter {
                since: Some(1_001),
                ..all.clone()
            },
            Filter {
                until: Some(1_000),
                ..all.clone()
            },
        ] {
            assert!(!wrong.lets_through(&letter, "h"), "{wrong:?}");
        }
    }

    #[test]
    fn one_letter_is_read_alone() {
        let at = |partition| pelton_types::TopicPartition::new("d", partition);
        let ranges = vec![(at(0), 0..9), (at(1), 5..9)];
        let filter = |offset| Filter {
            at: Some((1, offset)),
            ..Filter::default()
        };
        assert_eq!(filter(7).narrow(ranges.clone()), [(at(1), 7..8)]);
        assert_eq!(filter(4).narrow(ranges), []);
    }
}
