//! Which outputs were made of which input, as they are seen on the topics.
//!
//! An output has its input's timestamp, a dead letter names its input; so a message from outside is told as well,
//! and so is what an edited handler makes. An input is told once its outputs have come, or once its offset is
//! committed and none has.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::{expected::DEAD_PREFIX, message::Placed, scene::Handler};

/// Outputs of one input come within this time of each other.
const TOGETHER: Duration = Duration::from_millis(150);
/// An input is told after this time even if nothing is known of it.
const PATIENCE: Duration = Duration::from_secs(3);
/// Inputs that are remembered after they were told, for outputs that come late.
const REMEMBERED: usize = 500;

/// Something to tell.
#[derive(Debug, PartialEq, Eq)]
pub enum Told {
    /// An input, and what came of it so far.
    Input {
        /// The input.
        input: Placed,
        /// Its outputs and dead letter.
        outcomes: Vec<Placed>,
        /// Whether its offset is committed.
        committed: bool,
    },
    /// An output of an input that was told before.
    Late {
        /// The input.
        input: Placed,
        /// The output.
        outcome: Placed,
    },
    /// An output of no known input.
    Stray(Placed),
}

/// What is known of the messages of the last seconds.
#[derive(Debug, Default)]
pub struct Story {
    open: VecDeque<Open>,
    told: VecDeque<Placed>,
    strays: VecDeque<(Placed, Instant)>,
}

#[derive(Debug)]
struct Open {
    input: Placed,
    outcomes: Vec<Placed>,
    since: Instant,
    last: Instant,
    committed: bool,
}

impl Story {
    /// A message was seen on its topic.
    pub fn seen(&mut self, message: Placed, now: Instant) {
        if Handler::reading(&message.message.topic).is_none() {
            self.strays.push_back((message, now));
            return;
        }
        self.open.push_back(Open {
            input: message,
            outcomes: Vec::new(),
            since: now,
            last: now,
            committed: false,
        });
    }

    /// A handler has committed up to this offset of a partition.
    pub fn committed(&mut self, topic: &str, partition: i32, next: i64, now: Instant) {
        let done = self.open.iter_mut().filter(|open| {
            let Placed {
                partition: own,
                offset,
                message,
            } = &open.input;
            !open.committed && message.topic == topic && *own == partition && *offset < next
        });
        for open in done {
            (open.committed, open.last) = (true, now);
        }
    }

    /// Whether everything that was seen has been told.
    pub fn is_told(&self) -> bool {
        self.open.is_empty() && self.strays.is_empty()
    }

    /// What can be told now; all of it at the end.
    pub fn tell(&mut self, now: Instant, end: bool) -> Vec<Told> {
        let mut told = Vec::new();
        self.assign(now, end, &mut told);
        let (ripe, open) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(|open| end || open.is_ripe(now));
        self.open = open;
        let ripe: VecDeque<Open> = ripe;
        for mut open in ripe {
            open.outcomes
                .sort_by(|one, other| one.message.topic.cmp(&other.message.topic));
            self.told.push_back(open.input.clone());
            told.push(Told::Input {
                input: open.input,
                outcomes: open.outcomes,
                committed: open.committed,
            });
        }
        let forget = self.told.len().saturating_sub(REMEMBERED);
        self.told.drain(..forget);
        told
    }

    /// Gives outputs to their inputs.
    fn assign(&mut self, now: Instant, end: bool, told: &mut Vec<Told>) {
        for (outcome, since) in std::mem::take(&mut self.strays) {
            let of_this = |input: &Placed| made_of(&outcome, input);
            // Two inputs of the same millisecond: the one that has no output on this topic yet.
            let has = |open: &Open| {
                let topic = &outcome.message.topic;
                open.outcomes.iter().any(|o| o.message.topic == *topic)
            };
            let fitting: Vec<usize> = (0..self.open.len())
                .filter(|at| of_this(&self.open[*at].input))
                .collect();
            let free = fitting.iter().find(|at| !has(&self.open[**at]));
            if let Some(at) = free.or(fitting.first()) {
                let open = &mut self.open[*at];
                open.last = now;
                open.outcomes.push(outcome);
            } else if let Some(input) = self.told.iter().find(|input| of_this(input)) {
                told.push(Told::Late {
                    input: input.clone(),
                    outcome,
                });
            } else if end || now.duration_since(since) > PATIENCE {
                told.push(Told::Stray(outcome));
            } else {
                self.strays.push_back((outcome, since));
            }
        }
    }
}

impl Open {
    fn is_ripe(&self, now: Instant) -> bool {
        let known = self.committed || !self.outcomes.is_empty();
        let quiet = now.duration_since(self.last) > TOGETHER;
        (known && quiet) || now.duration_since(self.since) > PATIENCE
    }
}

/// Whether an output was made of an input.
fn made_of(outcome: &Placed, input: &Placed) -> bool {
    let (out, own) = (&outcome.message, &input.message);
    let header = |name: &str| out.header(&format!("{DEAD_PREFIX}{name}"));
    if let Some(topic) = header("source-topic") {
        return topic == own.topic
            && header("source-partition") == Some(input.partition.to_string())
            && header("source-offset") == Some(input.offset.to_string());
    }
    let handler = Handler::reading(&own.topic);
    handler.is_some_and(|handler| handler.writes(&out.topic)) && out.timestamp == own.timestamp
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;

    fn placed(topic: &str, offset: i64, timestamp: i64) -> Placed {
        Placed {
            partition: 0,
            offset,
            message: Message {
                topic: topic.to_owned(),
                key: None,
                value: None,
                headers: Vec::new(),
                timestamp,
            },
        }
    }

    fn later(millis: u64) -> Instant {
        Instant::now() + Duration::from_millis(millis)
    }

    #[test]
    fn outputs_are_told_with_their_input_in_whatever_order_they_are_seen() {
        let mut story = Story::default();
        let (input, output) = (placed("order-events", 0, 5), placed("order-audit", 9, 5));
        let other = placed("user-events", 0, 5);
        for message in [&output, &other, &input] {
            story.seen(message.clone(), Instant::now());
        }
        assert_eq!(story.tell(later(0), false), []);
        let told = story.tell(later(500), false);
        assert_eq!(
            told,
            [Told::Input {
                input: input.clone(),
                outcomes: vec![output.clone()],
                committed: false
            }]
        );
        story.seen(output.clone(), Instant::now());
        assert_eq!(
            story.tell(later(0), false),
            [Told::Late {
                input,
                outcome: output
            }]
        );
    }

    #[test]
    fn an_input_without_output_is_told_once_it_is_committed() {
        let mut story = Story::default();
        story.seen(placed("user-events", 7, 5), Instant::now());
        story.committed("user-events", 0, 7, Instant::now());
        assert_eq!(story.tell(later(1_000), false), []);
        story.committed("user-events", 0, 8, Instant::now());
        let told = story.tell(later(1_000), false);
        assert!(
            matches!(
                told.as_slice(),
                [Told::Input {
                    committed: true,
                    ..
                }]
            ),
            "{told:?}"
        );
    }

    #[test]
    fn a_dead_letter_goes_by_what_it_says_of_its_source() {
        let mut story = Story::default();
        let mut dead = placed("order-events.dead", 0, 5);
        for (name, value) in [
            ("topic", "order-events"),
            ("partition", "0"),
            ("offset", "1"),
        ] {
            let name = format!("{DEAD_PREFIX}source-{name}");
            dead.message
                .headers
                .push((name, Some(value.as_bytes().to_vec())));
        }
        for message in [
            placed("order-events", 0, 5),
            placed("order-events", 1, 5),
            dead,
        ] {
            story.seen(message, Instant::now());
        }
        let told = story.tell(later(500), true);
        let counts = told.iter().map(|told| match told {
            Told::Input { outcomes, .. } => outcomes.len(),
            Told::Late { .. } | Told::Stray(_) => 9,
        });
        assert_eq!(counts.collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn an_output_of_nothing_is_told_after_a_while() {
        let mut story = Story::default();
        let stray = placed("order-audit", 0, 5);
        story.seen(stray.clone(), Instant::now());
        assert_eq!(story.tell(later(500), false), []);
        assert_eq!(story.tell(later(4_000), false), [Told::Stray(stray)]);
    }
}
