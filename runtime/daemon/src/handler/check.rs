//! Whether librdkafka takes what a handler's clients are configured with.

use pelton_config::{Bootstrap, Cluster, Guarantee, Handler};
use pelton_kafka::{Admin, Error};

use super::{Connection, settings};
use crate::budget::HandlerShare;

/// Makes and destroys each client that the handler needs, apart from every broker. To be called from a thread that may
/// be blocked.
///
/// # Errors
/// Why librdkafka refuses one: a property that doesn't exist or has a wrong value, a file that isn't there.
pub fn check_clients(handler: &Handler, cluster: &Cluster) -> Result<(), Error> {
    let connection = Connection {
        topics: tokio::sync::watch::channel(None).1,
        bootstrap: String::new(),
        embedded: matches!(cluster.bootstrap, Bootstrap::Embedded),
        properties: cluster.properties.clone(),
    };
    let connection = &connection;
    // What share of the memory it gets is not known yet, and librdkafka takes any.
    let share = HandlerShare::default();
    Admin::new("", &cluster.properties.to_map())?.check()?;
    settings::consumer(handler, connection, share, handler.retry_topic()).check()?;
    match handler.guarantee {
        Guarantee::AtLeastOnce => settings::producer(handler, connection, share, None).check(),
        Guarantee::ExactlyOnce => {
            settings::transactions(handler, connection, share, None, "check").check()
        }
    }
}
