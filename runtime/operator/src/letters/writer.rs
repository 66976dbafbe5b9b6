//! Copies of letters on their way to their topic.

use std::{
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use pelton_kafka::{Mailbox, Outgoing, Producer, SendError};
use pelton_types::{
    Header, Headers, MessageId,
    redrive::{COUNT, LETTER, ORIGIN, TIMESTAMP},
};
use tokio::runtime::Handle;

use super::Letter;
use crate::{Error, Reach};

/// Writes copies of letters, so many in a second at the most.
pub(super) struct Writer {
    producer: Producer,
    mailbox: Arc<Mailbox>,
    sent: u64,
    begun: Instant,
    rate: Option<NonZeroU32>,
}

impl Writer {
    pub(super) fn start(reach: &Reach, rate: Option<NonZeroU32>) -> Result<Self, Error> {
        Ok(Self {
            producer: Producer::start(reach.producer())?,
            mailbox: Arc::default(),
            sent: 0,
            begun: Instant::now(),
            rate,
        })
    }

    pub(super) fn write(
        &mut self,
        topic: &str,
        letter: &Letter,
        to_source: bool,
    ) -> Result<(), Error> {
        let Some(origin) = &letter.origin else {
            return Ok(());
        };
        self.wait_for_turn();
        self.refusals()?;
        let message = &letter.message;
        let headers = headers(letter, origin);
        let outgoing = Outgoing {
            topic,
            // Where it came from it goes among its neighbours, whoever chose the partition.
            partition: to_source.then_some(origin.partition),
            timestamp: None,
            key: message.key.as_deref(),
            value: message.value.as_deref(),
            headers: &headers,
        };
        loop {
            match self.producer.send(outgoing, &self.mailbox, self.sent) {
                Ok(()) => break,
                Err(SendError::QueueFull) => {
                    Handle::current().block_on(self.producer.wait_for_room());
                }
                Err(error) => {
                    return Err(Error::Write {
                        text: format!("the copy of {} is not taken: {error}", letter.at),
                    });
                }
            }
        }
        self.sent += 1;
        Ok(())
    }

    /// Waits until the next one may go.
    fn wait_for_turn(&self) {
        if let Some(rate) = self.rate {
            let due = Duration::from_secs_f64(self.sent as f64 / f64::from(rate.get()));
            std::thread::sleep(due.saturating_sub(self.begun.elapsed()));
        }
    }

    /// What was not written so far.
    fn refusals(&self) -> Result<(), Error> {
        let refused = self.mailbox.take_now().into_iter();
        let refused = refused.filter_map(|delivery| delivery.result.err()).next();
        match refused {
            Some(error) => Err(Error::Write {
                text: format!("a copy was refused: {error}"),
            }),
            None => Ok(()),
        }
    }

    /// Waits until everything is acknowledged.
    pub(super) fn finish(self) -> Result<(), Error> {
        Handle::current().block_on(async {
            while self.producer.in_flight() > 0 {
                if let Some(text) = self.producer.fatal() {
                    return Err(Error::Write { text });
                }
                self.producer
                    .flush(Instant::now() + Duration::from_secs(1))
                    .await;
            }
            Ok(())
        })?;
        self.refusals()
    }
}

/// The message's own headers, and where it came from.
pub(super) fn headers(letter: &Letter, origin: &MessageId) -> Headers {
    let ours = [
        Header::new(ORIGIN, origin.to_string()),
        Header::new(LETTER, letter.at.to_string()),
        Header::new(COUNT, (letter.redrives + 1).to_string()),
    ];
    let timestamp = letter.message.timestamp.millis();
    let written = timestamp.map(|millis| Header::new(TIMESTAMP, millis.to_string()));
    letter.message.headers.and(ours.into_iter().chain(written))
}

#[cfg(test)]
mod tests {
    use super::{super::letter::tests::letter, *};

    #[test]
    fn a_copy_says_where_it_came_from_and_how_often() {
        let letter = letter(7, &[("source-offset", "42"), ("redrives", "1")]);
        let origin = letter.origin.clone().unwrap();
        let written = letter.message.timestamp.millis().unwrap_or(0);
        let expected = [
            Header::new("own", "1"),
            Header::new(ORIGIN, "orders/3@42"),
            Header::new(LETTER, "h.dead-letter/1@7"),
            Header::new(COUNT, "2"),
            Header::new(TIMESTAMP, written.to_string()),
        ];
        assert_eq!(headers(&letter, &origin), expected);
    }
}
