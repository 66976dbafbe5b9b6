//! Who is put to the test: daemons of one configuration, or the careless consumer that shows that the checker can object.

use anyhow::Result;
use pelton_harness::{DaemonOptions, TestCluster, TestDaemon};

use crate::options::{Options, Order, Subject};

/// The handler, its group and its topics. The broker is the run's own, so they need no names of their own.
pub const HANDLER: &str = "chaos";
pub const GROUP: &str = "chaos";
pub const INPUT: &str = "chaos-in";
pub const OUTPUT: &str = "chaos-out";
pub const DEAD_LETTER: &str = "chaos.dead-letter";
/// The guest: it forwards.
pub const GUEST: &str = "passthrough";

/// After so long a member that says nothing is missed; see [`config`].
pub const SESSION: std::time::Duration = std::time::Duration::from_secs(6);

/// Creates the topics. The output topic carries the broker's own time, by which the checker measures.
pub fn create_topics(cluster: &TestCluster, partitions: i32) -> Result<()> {
    cluster.create_topic_named(INPUT, partitions, &[])?;
    let stamped = [("message.timestamp.type", "LogAppendTime")];
    cluster.create_topic_named(OUTPUT, partitions, &stamped)?;
    cluster.create_topic_named(DEAD_LETTER, 1, &[])
}

/// Starts a member of the group.
pub fn start(bootstrap: &str, options: &Options, name: &str) -> Result<TestDaemon> {
    let mut daemon = DaemonOptions::new(name)?;
    let broken = match options.subject {
        Subject::Careless => Some("careless"),
        Subject::Apart => Some("apart"),
        Subject::Pelton | Subject::Undefended => None,
    };
    if let Some(mode) = broken {
        let own = std::env::current_exe()?;
        return daemon
            .instead(own)
            .argument(mode)
            .argument(bootstrap)
            .start();
    }
    if options.subject == Subject::Undefended {
        daemon = daemon.environment("PELTON_TEST_UNDEFENDED", "1");
    }
    daemon = daemon
        .component(GUEST)?
        .config(&config(bootstrap, options, name))?;
    if !options.record {
        daemon = daemon.unrecorded();
    }
    daemon.start()
}

/// The handler's name. Each daemon's producer has to be known to the proxy by a client id of its own, which comes of it;
/// without a storm they are copies of one configuration.
pub fn handler(options: &Options, name: &str) -> String {
    match options.exactly_once && options.storm > 0 {
        true => format!("{HANDLER}-{name}"),
        false => HANDLER.to_owned(),
    }
}

/// The defaults, but that a member that is dead is missed after 6 s instead of 45, which the drain has to fit into.
/// With KIP-848 the broker decides that; the tests' broker is set to the same times.
fn config(bootstrap: &str, options: &Options, name: &str) -> String {
    let mut more = String::new();
    if options.protocol != crate::options::Protocol::Consumer {
        more.push_str(pelton_harness::stage::MISSED_SOON);
        more.push('\n');
    }
    if options.order == Order::Key {
        more.push_str("order = \"key\"\n");
    }
    if options.exactly_once {
        more.push_str("guarantee = \"exactly-once\"\n");
    }
    if options.static_members {
        more.push_str(&format!("instance-id = \"{name}\"\n"));
    }
    format!(
        r#"
[clusters.default]
bootstrap-servers = ["{bootstrap}"]

[handlers.{}]
component = "{GUEST}.wasm"
topics = ["{INPUT}"]
outputs = ["{OUTPUT}"]
group = "{GROUP}"
group-protocol = "{}"
drain-timeout = "5s"
dead-letter.topic = "{DEAD_LETTER}"
{more}"#,
        handler(options, name),
        options.protocol.name()
    )
}
