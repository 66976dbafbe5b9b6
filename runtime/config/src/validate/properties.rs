//! librdkafka's own properties: those that delivery rests on belong to the daemon.

use std::collections::BTreeMap;

use crate::{
    Properties,
    findings::{Finding, Findings},
    key::Key,
    schema::Scalar,
};

/// Which client a table of properties is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    /// Every client of a cluster.
    Any,
    /// A handler's consumer.
    Consumer,
    /// A handler's producer.
    Producer,
}

const SERVERS: &str = "use `bootstrap-servers` of the cluster";
const COMMITS: &str = "the daemon commits when outputs are acknowledged; see `commit-interval`";
const ACKS: &str = "the daemon always waits for all in-sync replicas";
const PROTOCOL: &str = "use `group-protocol` of the handler";
const WAITS: &str = "the daemon waits an outage out, so that no output is lost";

const TRANSACTIONS: &str =
    "use `guarantee = \"exactly-once\"` of the handler; its `instance-id` names the transactions";

/// Properties that the daemon sets, for which client, and what to use instead.
const OWNED: &[(&str, Client, &str)] = &[
    ("bootstrap.servers", Client::Any, SERVERS),
    ("metadata.broker.list", Client::Any, SERVERS),
    (
        "client.id",
        Client::Any,
        "the daemon names each client after its handler",
    ),
    (
        "log.queue",
        Client::Any,
        "the daemon reads the client's log itself",
    ),
    (
        "plugin.library.paths",
        Client::Any,
        "the daemon loads no foreign code",
    ),
    (
        "test.mock.num.brokers",
        Client::Any,
        "use `bootstrap-servers = \"embedded\"` of the cluster",
    ),
    ("group.id", Client::Consumer, "use `group` of the handler"),
    (
        "group.instance.id",
        Client::Consumer,
        "use `instance-id` of the handler",
    ),
    ("group.protocol", Client::Consumer, PROTOCOL),
    ("partition.assignment.strategy", Client::Consumer, PROTOCOL),
    (
        "auto.offset.reset",
        Client::Consumer,
        "use `start` of the handler",
    ),
    ("enable.auto.commit", Client::Consumer, COMMITS),
    ("auto.commit.enable", Client::Consumer, COMMITS),
    (
        "auto.commit.interval.ms",
        Client::Consumer,
        "use `commit-interval` of the handler",
    ),
    ("enable.auto.offset.store", Client::Consumer, COMMITS),
    (
        "enable.partition.eof",
        Client::Consumer,
        "the daemon has no use for it",
    ),
    (
        "isolation.level",
        Client::Consumer,
        "the daemon always reads committed messages only",
    ),
    (
        "topic.blacklist",
        Client::Consumer,
        "use a narrower expression for `topics` of the handler",
    ),
    ("acks", Client::Producer, ACKS),
    ("request.required.acks", Client::Producer, ACKS),
    (
        "enable.idempotence",
        Client::Producer,
        "the daemon's producers are always idempotent",
    ),
    (
        "enable.gapless.guarantee",
        Client::Producer,
        "the daemon's producers are always idempotent",
    ),
    (
        "partitioner",
        Client::Producer,
        "keys always go where Java's and KafkaJS's clients put them (murmur2_random)",
    ),
    ("message.timeout.ms", Client::Producer, WAITS),
    ("delivery.timeout.ms", Client::Producer, WAITS),
    ("message.send.max.retries", Client::Producer, WAITS),
    ("retries", Client::Producer, WAITS),
    (
        "delivery.report.only.error",
        Client::Producer,
        "the daemon needs every delivery report",
    ),
    ("transactional.id", Client::Producer, TRANSACTIONS),
    (
        "transaction.timeout.ms",
        Client::Producer,
        "use `transaction.timeout` of the handler",
    ),
];

/// Checks a table of properties.
pub(super) fn validate(
    at: &Key,
    client: Client,
    raw: BTreeMap<String, Scalar>,
    findings: &mut Findings<'_>,
) -> Properties {
    for name in raw.keys() {
        let here = |of: Client| of == Client::Any || of == client || client == Client::Any;
        let owned = OWNED
            .iter()
            .find(|(owned, of, _)| owned.eq_ignore_ascii_case(name) && here(*of));
        if let Some((owned, _, instead)) = owned {
            let finding =
                Finding::new(format!("`{owned}` can't be set: the daemon sets it itself"));
            findings.refuse(
                finding
                    .name(&at.join(name.as_str()), format!("in `{at}`"))
                    .help(*instead),
            );
        }
    }
    Properties::new(
        raw.into_iter()
            .map(|(name, value)| (name, value.0))
            .collect(),
    )
}
