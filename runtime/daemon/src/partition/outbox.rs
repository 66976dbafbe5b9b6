//! Outputs on their way to the broker, and whose they are.
//!
//! Invariant: a message is settled once, after the last of its outputs was answered, and the outputs
//! of a partition enter the producer in the order in which the machine commanded them.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use pelton_kafka::{Delivery, Mailbox, Outgoing, Producer, SendError};
use pelton_types::{Offset, Output};

use tokio::sync::OwnedSemaphorePermit;

use crate::handler::{Broken, Trouble};

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
}

struct Ticket {
    offset: Offset,
    letter: bool,
    outstanding: usize,
    refused: Option<String>,
}

pub(super) struct Outbox {
    producer: Producer,
    mailbox: Arc<Mailbox>,
    tickets: HashMap<u64, Ticket>,
    next_ticket: u64,
    waiting: VecDeque<(u64, Addressed)>,
    settled: Vec<Settled>,
    /// What outputs that wait may take of the memory for calls.
    memory: Vec<OwnedSemaphorePermit>,
    trouble: Trouble,
}

impl Outbox {
    pub(super) fn new(producer: Producer, trouble: Trouble) -> Self {
        Self {
            producer,
            mailbox: Arc::new(Mailbox::default()),
            tickets: HashMap::new(),
            next_ticket: 0,
            waiting: VecDeque::new(),
            settled: Vec::new(),
            memory: Vec::new(),
            trouble,
        }
    }

    /// Hands the outputs of one message to the producer.
    pub(super) fn send(&mut self, offset: Offset, letter: bool, outputs: Vec<Addressed>) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.tickets.insert(
            ticket,
            Ticket {
                offset,
                letter,
                outstanding: outputs.len(),
                refused: None,
            },
        );
        self.waiting
            .extend(outputs.into_iter().map(|output| (ticket, output)));
        self.send_waiting();
    }

    /// Whether anything handed over is not answered yet.
    pub(super) fn is_open(&self) -> bool {
        !self.tickets.is_empty()
    }

    /// Whether outputs wait for room in the producer's queue.
    pub(super) fn is_blocked(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Keeps a call's memory for as long as outputs wait.
    pub(super) fn keep(&mut self, memory: Option<OwnedSemaphorePermit>) {
        if self.is_blocked() {
            self.memory.extend(memory);
        }
    }

    /// Waits for room in the producer's queue.
    pub(super) fn room(&self) -> impl Future<Output = ()> + use<> {
        let producer = self.producer.clone();
        async move { producer.wait_for_room().await }
    }

    /// Hands over as much of what waits as the producer takes.
    pub(super) fn send_waiting(&mut self) {
        while let Some((ticket, Addressed { topic, output })) = self.waiting.front() {
            let headers: Vec<(&[u8], Option<&[u8]>)> = output
                .headers
                .iter()
                .map(|h| (&*h.name, h.value.as_deref()))
                .collect();
            let outgoing = Outgoing {
                topic,
                partition: output.partition,
                timestamp: output.timestamp,
                key: output.key.as_deref(),
                value: output.value.as_deref(),
                headers: &headers,
            };
            let ticket = *ticket;
            match self.producer.send(outgoing, &self.mailbox, ticket) {
                Ok(()) => {}
                Err(SendError::QueueFull) => return,
                Err(SendError::Refused { text }) => self.answered(ticket, Some(text)),
                Err(SendError::Fatal { text }) => {
                    self.trouble.happened_to(Broken::Producer(text));
                    self.waiting.clear();
                    return;
                }
            }
            self.waiting.pop_front();
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
                    Err(error) if error.purged => {}
                    Err(error) => self.trouble.happened_to(Broken::Producer(error.text)),
                }
            }
        }
        std::mem::take(&mut self.settled)
    }

    fn answered(&mut self, ticket: u64, refused: Option<String>) {
        let Some(open) = self.tickets.get_mut(&ticket) else {
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
                ..
            }) = self.tickets.remove(&ticket)
        {
            self.settled.push(Settled {
                offset,
                letter,
                refused,
            });
        }
    }
}
