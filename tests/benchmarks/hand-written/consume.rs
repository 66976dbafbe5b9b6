//! One loop: polls, works, produces, and commits once a second.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use pelton_bench_work::{COPIED_HEADER, enrich};
use rdkafka::{
    Message as _,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedHeaders, BorrowedMessage, Headers as _, OwnedHeaders},
    producer::{BaseRecord, Producer},
};

use crate::{
    acknowledged::Epochs,
    settings::{Settings, Work},
    shared::{OnRebalance, Shared},
};

const COMMIT_INTERVAL: Duration = Duration::from_secs(1);
/// How long to wait for a message; acknowledgements and commits wait with it.
const WAIT: Duration = Duration::from_millis(10);
/// After so many messages acknowledgements are taken in, of which librdkafka hands out many at once.
const ROUND: usize = 64;

/// Goes on until something is wrong.
///
/// # Errors
/// When librdkafka doesn't like its settings, an output is refused, or a message can't be read.
pub fn run(settings: &Settings) -> Result<()> {
    let shared = Shared::new(settings)?;
    let consumer: BaseConsumer<_> = settings
        .consumer()
        .create_with_context(OnRebalance(shared.clone()))?;
    consumer.subscribe(&[&settings.input])?;
    let mut worker = Worker {
        settings,
        shared: shared.clone(),
        epochs: Epochs::default(),
        value: Vec::new(),
    };
    let mut committed = Instant::now();
    loop {
        for _ in 0..ROUND {
            let message = consumer.poll(WAIT);
            if shared.was_revoked() {
                worker.epochs.forget();
            }
            let Some(message) = message else {
                break;
            };
            worker.take(&message?)?;
        }
        shared.producer.poll(Duration::ZERO);
        let outstanding = shared.producer.context();
        ensure!(!outstanding.is_broken(), "an output was refused");
        if committed.elapsed() >= COMMIT_INTERVAL {
            committed = Instant::now();
            worker.epochs.close(shared.positions()?);
        }
        if let Some(positions) = worker.epochs.acknowledged(outstanding)
            && positions.count() > 0
        {
            consumer.commit(&positions, CommitMode::Async)?;
        }
    }
}

/// What becomes of a message.
struct Worker<'a> {
    settings: &'a Settings,
    shared: Arc<Shared>,
    epochs: Epochs,
    /// The output's value, in memory that is used again.
    value: Vec<u8>,
}

impl Worker<'_> {
    fn take(&mut self, message: &BorrowedMessage<'_>) -> Result<()> {
        let (payload, headers) = (message.payload(), message.headers());
        match self.settings.work {
            Work::Passthrough => {
                let headers = headers.map(BorrowedHeaders::detach);
                self.send(message, payload, headers)?;
            }
            Work::Enrich => {
                let mut value = std::mem::take(&mut self.value);
                let kept = enrich(payload.unwrap_or_default(), &mut value).context("no order")?;
                if kept {
                    self.send(message, Some(&value), headers.map(copied))?;
                }
                self.value = value;
            }
        }
        self.shared.took(message.partition(), message.offset());
        Ok(())
    }

    fn send(
        &self,
        message: &BorrowedMessage<'_>,
        value: Option<&[u8]>,
        headers: Option<OwnedHeaders>,
    ) -> Result<()> {
        let producer = &self.shared.producer;
        let epoch = self.epochs.sending(producer.context());
        let mut record: BaseRecord<'_, [u8], [u8], usize> =
            BaseRecord::with_opaque_to(&self.settings.output, epoch);
        record.key = message.key();
        record.payload = value;
        record.headers = headers;
        record.timestamp = message.timestamp().to_millis();
        loop {
            match producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    producer.poll(WAIT);
                    record = back;
                }
                Err((error, _)) => return Err(error).context("an output was not taken"),
            }
        }
    }
}

/// The one header that goes along.
fn copied(headers: &BorrowedHeaders) -> OwnedHeaders {
    let mut copied = OwnedHeaders::new_with_capacity(1);
    for header in headers.iter().filter(|header| header.key == COPIED_HEADER) {
        copied = copied.insert(header);
    }
    copied
}
