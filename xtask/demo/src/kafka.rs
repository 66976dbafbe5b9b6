//! This program's own Kafka client, apart from Pelton's: a producer, a reader of whole topics, committed offsets.

mod read;
mod write;

pub use read::{Reader, committed, keep_quiet_of_headers, read_all};
pub use write::Writer;

use std::time::Duration;

use rdkafka::ClientConfig;

/// The longest time for one request.
const REQUEST: Duration = Duration::from_secs(10);

fn client(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("client.id", "pelton-demo");
    config
}
