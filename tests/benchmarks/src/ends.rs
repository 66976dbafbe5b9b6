//! How much stands in a topic, asked for in one request: asking twelve times would cost the broker more than some programs do.

use std::time::Duration;

use anyhow::Result;
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};

const LIMIT: Duration = Duration::from_secs(30);

/// See the module.
pub struct Ends {
    consumer: BaseConsumer,
    topic: String,
    partitions: i32,
}

impl Ends {
    /// Of this topic, as readers of committed messages see it.
    ///
    /// # Errors
    /// When librdkafka can't make a client.
    pub fn new(bootstrap: &str, topic: &str, partitions: i32) -> Result<Self> {
        let consumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("client.id", "pelton-bench-ends")
            .set("group.id", "pelton-bench-ends")
            .set("isolation.level", "read_committed")
            .create()?;
        Ok(Self {
            consumer,
            topic: topic.to_owned(),
            partitions,
        })
    }

    /// The sum of the partitions' ends. Markers of transactions take offsets too.
    ///
    /// # Errors
    /// When the broker doesn't answer.
    pub fn sum(&self) -> Result<usize> {
        let mut asked = TopicPartitionList::new();
        for partition in 0..self.partitions {
            asked.add_partition_offset(&self.topic, partition, Offset::End)?;
        }
        let answer = self.consumer.offsets_for_times(asked, LIMIT)?;
        let mut sum = 0;
        for element in answer.elements() {
            element.error()?;
            if let Offset::Offset(end) = element.offset() {
                sum += usize::try_from(end)?;
            }
        }
        Ok(sum)
    }
}
