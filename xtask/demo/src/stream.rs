//! The stream that goes in: a shop's orders and what its users do, with the trouble that real streams have.
//!
//! Invariant: timestamps rise by at least a millisecond from message to message, so that a timestamp tells
//! which message an output was made of. The same seed makes the same stream, but for the timestamps.

mod order;
mod user;

use rand::{Rng, SeedableRng, rngs::StdRng};

use self::order::Orders;
use crate::message::{Headers, Message};

/// An endless stream of messages for `order-events` and `user-events`.
#[derive(Debug)]
pub struct Stream {
    random: StdRng,
    orders: Orders,
    last: i64,
}

impl Stream {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            orders: Orders::default(),
            last: 0,
        }
    }

    /// The next message, of this time or a little later.
    pub fn next(&mut self, now: i64) -> Message {
        self.last = now.max(self.last + 1);
        if self.random.random_bool(0.55) {
            self.orders.next(&mut self.random, self.last)
        } else {
            user::next(&mut self.random, self.last)
        }
    }
}

/// The headers that every producer of this company sets, and what some of them set besides.
fn headers(random: &mut StdRng, source: &str) -> Headers {
    let some = |text: &str| Some(text.as_bytes().to_vec());
    let mut headers = vec![
        ("content-type".to_owned(), some("application/json")),
        ("source".to_owned(), some(source)),
    ];
    if random.random_bool(0.03) {
        // Names repeat and values are null in the field; both must come through.
        headers.push(("via".to_owned(), some("gateway-1")));
        headers.push(("via".to_owned(), some("gateway-2")));
        headers.push(("experiment".to_owned(), None));
    }
    headers
}

/// One of these.
fn pick<'a>(random: &mut StdRng, among: &[&'a str]) -> &'a str {
    let at = random.random_range(0..among.len().max(1));
    among.get(at).copied().unwrap_or_default()
}

/// The number of one of a hundred in so many.
fn one_in(random: &mut StdRng, many: u32) -> bool {
    random.random_ratio(1, many)
}

/// JSON that was cut off on its way.
fn cut(random: &mut StdRng, mut json: String) -> String {
    let keep = random.random_range(1..json.len().max(2));
    json.truncate(json.floor_char_boundary(keep));
    json
}

/// The value of a struct as JSON.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(seed: u64, count: usize) -> Vec<Message> {
        let mut stream = Stream::new(seed);
        (0..count).map(|_| stream.next(1_000)).collect()
    }

    #[test]
    fn a_seed_makes_the_same_stream_again() {
        assert_eq!(some(7, 500), some(7, 500));
        assert_ne!(some(7, 500), some(8, 500));
    }

    #[test]
    fn no_two_messages_have_the_same_time() {
        let times: Vec<i64> = some(1, 500)
            .iter()
            .map(|message| message.timestamp)
            .collect();
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(times[0], 1_000);
    }

    #[test]
    fn every_kind_of_trouble_comes_up() {
        let messages = some(1, 1_000);
        let any = |what: &dyn Fn(&Message) -> bool| assert!(messages.iter().any(what));
        for topic in ["order-events", "user-events"] {
            any(&|m| m.topic == topic && m.value.is_none());
            any(&|m| m.topic == topic && m.key.is_none());
            any(&|m| m.topic == topic && is_broken(m));
        }
        any(&|m| m.headers.iter().any(|(_, value)| value.is_none()));
        any(&|m| m.value.as_deref() == Some(b""));
    }

    fn is_broken(message: &Message) -> bool {
        let value = message.value.as_deref();
        value.is_some_and(|value| serde_json::from_slice::<serde_json::Value>(value).is_err())
    }
}
