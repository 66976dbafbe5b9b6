//! Whether the Kafka clients of those who begin can be made.

use std::{collections::BTreeSet, path::PathBuf};

use pelton_config::{Config, Handler};
use tokio::task::{JoinError, spawn_blocking};

use super::lines::Lines;
use crate::{handler::check_clients, reload::Plan};

/// Why nobody is drained for those who begin.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    #[error("{0}")]
    Clients(Lines<BadClient>),
    #[error("the Kafka clients of those who begin could not be checked; ask again")]
    Unknown(#[source] JoinError),
}

/// A handler whose Kafka clients can't be made.
#[derive(Debug, thiserror::Error)]
#[error("{file}: handler `{handler}` on cluster `{cluster}`: {why}", file = .file.display())]
pub(super) struct BadClient {
    file: PathBuf,
    handler: String,
    cluster: String,
    why: pelton_kafka::Error,
}

/// Gives the configuration back if librdkafka takes what those who begin need.
///
/// # Errors
/// It doesn't, for one of them.
pub(super) async fn clients(config: Config, plan: &Plan) -> Result<Config, Unfit> {
    let beginning: BTreeSet<String> = plan.beginning().map(str::to_owned).collect();
    // Clients are destroyed there, which blocks.
    let checked = spawn_blocking(move || (bad_clients(&config, &beginning), config)).await;
    match checked {
        Ok((bad, config)) if bad.is_empty() => Ok(config),
        Ok((bad, _)) => Err(Unfit::Clients(Lines(bad))),
        Err(died) => Err(Unfit::Unknown(died)),
    }
}

fn bad_clients(config: &Config, beginning: &BTreeSet<String>) -> Vec<BadClient> {
    let handlers = beginning
        .iter()
        .filter_map(|name| config.handlers.get(name));
    let bad = |handler: &Handler| {
        let cluster = config.clusters.get(&handler.cluster)?;
        let why = check_clients(handler, cluster).err()?;
        Some(BadClient {
            file: config.file.clone(),
            handler: handler.name.clone(),
            cluster: handler.cluster.clone(),
            why,
        })
    };
    handlers.filter_map(bad).collect()
}
