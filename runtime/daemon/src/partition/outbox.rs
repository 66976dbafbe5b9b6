//! Outputs on their way to the broker, and whose they are.
//!
//! Invariant: a message is settled once, after the last of its outputs was answered, and the outputs
//! of a partition enter the producer in the order in which the machine commanded them.

use std::{collections::VecDeque, sync::Arc};

use pelton_kafka::{Delivery, Mailbox, Outgoing, Producer, SendError};
use pelton_types::{Message, Offset, Output};

use tokio::sync::OwnedSemaphorePermit;

use super::tickets::Tickets;
use crate::handler::{Broken, Seat, Trouble};

/// An output with the topic it goes to.
pub(crate) struct Addressed {
    pub topic: Arc<str>,
    pub output: Output,
}

/// All outputs of a message are answered for.
pub(super) struct Settled {
    pub offset: Offset,
    /// Whether it was a dead letter.
    pub letter: bool,
    /// What was refused for good, if anything.
    pub refused: Option<String>,
    /// Whether anything of it was handed to the producer.
    pub handed_over: bool,
}

struct Ticket {
    offset: Offset,
    letter: bool,
    outstanding: usize,
    refused: Option<String>,
    handed_over: bool,
}

pub(super) struct Outbox {
    /// `None` before the first transaction, where there are any.
    producer: Option<Producer>,
    seat: Option<Seat>,
    /// The transaction that it sends with.
    heard: u64,
    mailbox: Arc<Mailbox>,
    tickets: Tickets<Ticket>,
    waiting: VecDeque<(u64, Addressed)>,
    settled: Vec<Settled>,
    /// What outputs that wait may take of the memory for calls.
    memory: Vec<OwnedSemaphorePermit>,
    trouble: Trouble,
}

impl Outbox {
    pub(super) fn new(producer: Option<Producer>, seat: Option<Seat>, trouble: Trouble) -> Self {
        Self {
            producer,
            seat,
            heard: 0,
            mailbox: Arc::new(Mailbox::default()),
            tickets: Tickets::default(),
            waiting: VecDeque::new(),
            settled: Vec::new(),
            memory: Vec::new(),
            trouble,
        }
    }

    /// Takes the outputs of one message, to be handed over with others by [`send_waiting`](Self::send_waiting).
    pub(super) fn send(
        &mut self,
        offset: Offset,
        letter: bool,
        outputs: impl Iterator<Item = Addressed>,
    ) {
        let ticket = self.tickets.open(Ticket {
            offset,
            letter,
            outstanding: 0,
            refused: None,
            handed_over: false,
        });
        let before = self.waiting.len();
        self.waiting.extend(outputs.map(|output| (ticket, output)));
        let outstanding = self.waiting.len() - before;
        if outstanding == 0 {
            return self.settle(ticket, None);
        }
        // Nothing of it is sent, rather than a part. One alone is refused when it is sent.
        let mut parts = self.waiting.range(before..).filter(|_| outstanding > 1);
        if let Some(text) = parts.find_map(|(_, output)| self.refuses(output)) {
            self.waiting.truncate(before);
            return self.settle(ticket, Some(text));
        }
        if let Some(open) = self.tickets.get_mut(ticket) {
            open.outstanding = outstanding;
        }
    }

    /// Sends with this producer's transaction from here on; what belongs to an earlier one is forgotten.
    pub(super) fn begin(&mut self, producer: Producer, transaction: u64) {
        self.heard = transaction;
        self.producer = Some(producer);
        self.mailbox = Arc::default();
        self.tickets.clear();
        self.waiting.clear();
        self.settled.clear();
        self.memory.clear();
    }

    fn refuses(&self, output: &Addressed) -> Option<String> {
        self.producer.as_ref()?.refuses(&output.outgoing())
    }

    /// Nothing of it is handed over.
    fn settle(&mut self, ticket: u64, refused: Option<String>) {
        if let Some(Ticket { offset, letter, .. }) = self.tickets.close(ticket) {
            self.settled.push(Settled {
                offset,
                letter,
                refused,
                handed_over: false,
            });
        }
    }

    /// What was sent can't be acknowledged any more.
    fn failed(&self, text: String) {
        match &self.seat {
            Some(seat) => seat.spoiled(self.heard, text),
            None => self.trouble.happened_to(Broken::Producer(text)),
        }
    }

    /// Whether anything handed over is not answered yet.
    pub(super) fn is_open(&self) -> bool {
        !self.tickets.is_empty()
    }

    /// Whether outputs wait for room in the producer's queue.
    pub(super) fn is_blocked(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Keeps calls' memory for as long as outputs wait.
    pub(super) fn keep(&mut self, memory: Vec<OwnedSemaphorePermit>) {
        if self.is_blocked() {
            self.memory.extend(memory);
        }
    }

    /// Waits for room in the producer's queue.
    pub(super) fn room(&self) -> impl Future<Output = ()> + use<> {
        let producer = self.producer.clone();
        async move {
            match producer {
                Some(producer) => producer.wait_for_room().await,
                None => std::future::pending().await,
            }
        }
    }

    /// Hands over as much of what waits as the producer takes.
    pub(super) fn send_waiting(&mut self) {
        let Some(producer) = self.producer.clone().filter(|_| self.is_blocked()) else {
            return;
        };
        loop {
            let waiting = self.waiting.iter();
            let outgoing = waiting.map(|(ticket, output)| (output.outgoing(), *ticket));
            let (taken, result) = producer.send_all(outgoing, &self.mailbox);
            for (ticket, _) in self.waiting.drain(..taken) {
                if let Some(open) = self.tickets.get_mut(ticket) {
                    open.handed_over = true;
                }
            }
            match result {
                Ok(()) => break,
                Err(SendError::QueueFull) => return,
                Err(SendError::Refused { text }) => {
                    if let Some((ticket, _)) = self.waiting.pop_front() {
                        self.answered(ticket, Some(text));
                    }
                }
                Err(error @ (SendError::Over { .. } | SendError::Fatal { .. })) => {
                    self.failed(error.to_string());
                    self.waiting.clear();
                    return;
                }
            }
        }
        self.memory.clear();
    }

    /// Waits until messages are settled. Cancel-safe.
    pub(super) async fn settled(&mut self) -> Vec<Settled> {
        while self.settled.is_empty() {
            for Delivery { ticket, result } in self.mailbox.take().await {
                match result {
                    Ok(()) => self.answered(ticket, None),
                    Err(error) if error.permanent => self.answered(ticket, Some(error.text)),
                    // Neither delivered nor refused: the message stays unfinished, and with it the commit,
                    // until the handler begins anew with a fresh producer.
                    Err(error) if error.purged && self.seat.is_none() => {}
                    Err(error) => self.failed(error.text),
                }
            }
        }
        std::mem::take(&mut self.settled)
    }

    fn answered(&mut self, ticket: u64, refused: Option<String>) {
        let Some(open) = self.tickets.get_mut(ticket) else {
            return;
        };
        open.outstanding -= 1;
        if refused.is_some() {
            open.refused = refused;
        }
        if open.outstanding == 0
            && let Some(Ticket {
                offset,
                letter,
                refused,
                handed_over,
                ..
            }) = self.tickets.close(ticket)
        {
            self.settled.push(Settled {
                offset,
                letter,
                refused,
                handed_over,
            });
        }
    }
}

impl Addressed {
    /// Completes an output of a message with what the handler left to defaults.
    pub(super) fn complete(
        mut output: Output,
        message: &Message,
        default: Option<&Arc<str>>,
    ) -> Option<Self> {
        output.timestamp = output.timestamp.or_else(|| message.timestamp.millis());
        let topic = output.topic.take().or_else(|| default.cloned())?;
        Some(Self { topic, output })
    }

    /// As the producer takes it.
    fn outgoing(&self) -> Outgoing<'_> {
        let Output { key, value, .. } = &self.output;
        Outgoing {
            topic: &self.topic,
            partition: self.output.partition,
            timestamp: self.output.timestamp,
            key: key.as_deref(),
            value: value.as_deref(),
            headers: &self.output.headers,
        }
    }
}
