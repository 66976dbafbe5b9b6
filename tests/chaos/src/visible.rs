//! What stands in the output topic for whoever reads only what is committed, read again from its beginning when
//! everything is over: by librdkafka, and by Kafka's own console consumer.

use std::{collections::HashMap, time::Duration};

use anyhow::Result;
use pelton_harness::{Client, TestCluster};

use crate::{
    history::Output,
    subject::{GROUP, OUTPUT},
    writer,
};

/// After so long a transaction that is still open hangs: three times its time-out.
const HANGS: Duration = Duration::from_secs(30);
/// How long the reading may take.
const READ: Duration = Duration::from_secs(60);

/// All of it by partition, in the order of offsets. That Java sees something else is a fault.
pub fn all(
    cluster: &TestCluster,
    client: &Client,
    faults: &mut Vec<String>,
) -> Result<Vec<Vec<Output>>> {
    let count = client.partitions(OUTPUT)?;
    let probe = client.probe(GROUP)?;
    let ended = probe.wait_until_closed(OUTPUT, count, HANGS);
    faults.extend(ended.err().map(|error| format!("{error:#}")));
    let mut visible = vec![Vec::new(); usize::try_from(count)?];
    let mut counts: HashMap<Vec<u8>, i64> = HashMap::new();
    for message in client.read(OUTPUT, READ, |_, at_end| at_end)? {
        visible[message.partition as usize].push(Output {
            id: writer::id(message.value.as_deref()),
            offset: message.offset,
            at: message.timestamp.unwrap_or(0),
        });
        *counts.entry(message.value.unwrap_or_default()).or_default() += 1;
    }
    let java = cluster.console_read_committed(OUTPUT)?;
    // It logs to the same stream.
    for value in java
        .into_iter()
        .filter(|line| writer::id(Some(line)).is_some())
    {
        *counts.entry(value).or_default() -= 1;
    }
    let differing = counts.values().filter(|count| **count != 0).count();
    if differing > 0 {
        faults.push(format!(
            "Java's console consumer sees {differing} values more or less often than librdkafka"
        ));
    }
    Ok(visible)
}
