//! The thread that reads a producer's delivery reports, and ends the producer where one says that it has failed.
//!
//! Invariants: every message that was taken is answered in its mailbox, or purged when the thread ends. The thread turns
//! about once a second, until it ends: it waits for nothing longer than for an event or for a broker's probe.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{
    Delivery, DeliveryError, Mailbox, ProducerHealth,
    fault::{is_permanent, is_purged},
    native::Shared,
    raw::{self, Receipt},
};
use crate::{
    native::{Client, Event, EventKind, Failures, Queue},
    trouble::Troubles,
};

/// How often the thread looks whether brokers are back, and whether it should end.
const TICK: Duration = Duration::from_millis(500);
/// How long a broker may take to answer when the thread looks whether it is back.
const PROBE: Duration = Duration::from_millis(250);
/// How long an ending producer waits for the reports of what it purged.
const FAREWELL: Duration = Duration::from_secs(5);

/// The thread's part of a producer.
pub(super) struct Reports {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: Arc<Queue>,
    pub(super) client: Arc<Client>,
    pub(super) troubles: Troubles,
    pub(super) failures: Arc<Failures>,
    /// The producer is over, but for the reports of what it had taken.
    pub(super) given_up: bool,
    pub(super) health: watch::Sender<ProducerHealth>,
    /// What fails is the transaction's matter.
    pub(super) transactional: bool,
}

impl Reports {
    pub(super) fn run(mut self) {
        let mut looked = Instant::now();
        while !self.shared.is_closing() {
            self.shared.turns.turn();
            let queue = self.queue.clone();
            let event = queue.poll(TICK);
            if let Some(failed) = self.failures.pending() {
                self.give_up(&failed.to_string());
                self.failures.note();
            }
            if let Some(event) = event {
                self.settle(event);
            }
            if self.given_up && self.shared.in_flight() > 0 {
                self.client.purge();
            }
            if looked.elapsed() >= TICK {
                self.look();
                looked = Instant::now();
            }
        }
        self.end();
    }

    /// Looks whether the brokers are there, where they were not.
    fn look(&mut self) {
        let now = Instant::now();
        let told = self.troubles.unreachable(now).is_some() | !self.troubles.calm(now).is_empty();
        let back = self.troubles.is_disconnected() && self.client.is_reachable(PROBE);
        if back {
            self.troubles.connected();
        }
        if told || back {
            self.publish();
        }
    }

    /// Takes in an event. Only when it is gone has librdkafka's queue room for others.
    fn settle(&mut self, event: Event<'_>) {
        let answered = self.take(&event);
        drop(event);
        if answered > 0 {
            self.shared.settle(answered);
        }
    }

    /// How many messages it answers.
    fn take(&mut self, event: &Event<'_>) -> usize {
        match event.kind() {
            EventKind::Delivery => return self.deliver(event),
            EventKind::Error => self.error(event),
            EventKind::Log => event.log(),
            EventKind::Fetch
            | EventKind::Rebalance
            | EventKind::OffsetCommit
            | EventKind::Other => {}
        }
        0
    }

    fn deliver(&mut self, event: &Event<'_>) -> usize {
        let (mut answered, mut acknowledged) = (0, false);
        let mut sorted = Sorted::default();
        for message in event.messages() {
            answered += 1;
            let receipt = raw::receipt(&message);
            let fixed = receipt.as_ref().is_some_and(|receipt| receipt.fixed);
            let result = message.error().map_or(Ok(()), |code| {
                Err(DeliveryError {
                    text: message.delivery_reason().into_owned(),
                    permanent: is_permanent(code, fixed),
                    purged: is_purged(code),
                })
            });
            acknowledged |= result.is_ok();
            if let Err(error) = &result
                && !error.permanent
                && !error.purged
                && !self.transactional
            {
                self.give_up(&error.text);
            }
            if let Some(Receipt {
                mailbox, ticket, ..
            }) = receipt
            {
                sorted.push(mailbox, Delivery { ticket, result });
            }
        }
        sorted.put();
        if acknowledged && !self.troubles.consuming().is_empty() {
            self.publish();
        }
        answered
    }

    /// A message could not be written, and it is not the message's fault. librdkafka goes on behind it under a
    /// new epoch, which would put what follows in front of it: so nothing more is taken, and all that waits is
    /// purged before that epoch is there. A batch that changes brokers meanwhile slips through a purge, so there is
    /// another one whenever the thread comes round.
    fn give_up(&mut self, why: &str) {
        self.health.send_if_modified(|health| {
            let new = health.fatal.is_none();
            health.fatal.get_or_insert_with(|| why.to_owned());
            new
        });
        self.shared.give_up();
        self.given_up = true;
    }

    fn error(&mut self, event: &Event<'_>) {
        let Some(code) = event.error() else { return };
        // A fatal error comes under the code of its cause.
        if let Some((_, text)) = self.client.fatal() {
            self.health.send_modify(|health| health.fatal = Some(text));
        } else if self
            .troubles
            .error(code, &event.reason(), Instant::now())
            .is_some()
        {
            self.publish();
        }
    }

    fn publish(&self) {
        let trouble = self.troubles.summary();
        self.health.send_if_modified(|health| {
            let changed = health.trouble != trouble;
            health.trouble = trouble;
            changed
        });
    }

    /// Nothing can be sent any more; what isn't answered yet is purged, and reported so.
    fn end(mut self) {
        self.shared.turns.end();
        self.shared.give_up();
        self.client.purge();
        self.failures.note();
        let deadline = Instant::now() + FAREWELL;
        let queue = self.queue.clone();
        while self.shared.in_flight() > 0 && Instant::now() < deadline {
            if let Some(event) = queue.poll(Duration::from_millis(100)) {
                self.settle(event);
            }
        }
    }
}

/// So many senders' answers are gathered at a time: more than are looked for quickly would cost more than they save.
const SENDERS: usize = 16;

/// An event's answers, by sender.
#[derive(Default)]
struct Sorted(Vec<(Arc<Mailbox>, Vec<Delivery>)>);

impl Sorted {
    fn push(&mut self, to: Arc<Mailbox>, answer: Delivery) {
        let same = |(of, _): &(Arc<Mailbox>, _)| Arc::ptr_eq(of, &to);
        match self.0.iter().rposition(same) {
            Some(at) => self.0[at].1.push(answer),
            None => {
                if self.0.len() == SENDERS {
                    self.put();
                }
                self.0.push((to, vec![answer]));
            }
        }
    }

    /// Puts what was gathered where it belongs.
    fn put(&mut self) {
        for (to, answers) in self.0.drain(..) {
            to.put(answers);
        }
    }
}
