//! What a configuration becomes.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    reason = "a test program: its helpers fail as loudly as its tests"
)]

use std::{fs, path::Path, time::Duration};

use pelton_config::{
    Bootstrap, Config, GroupProtocol, OnExhausted, Order, Start, Topics, admin, parse,
};

fn environment(name: &str) -> Option<String> {
    Some(format!("value-of-{name}"))
}

fn read(text: &str) -> Config {
    parse(text, Path::new("folder/pelton.toml"), &environment)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn valid(name: &str) -> Config {
    read(&fs::read_to_string(format!("tests/valid/{name}.toml")).expect("a readable file"))
}

#[test]
fn the_least_configuration_gets_its_defaults() {
    let config = valid("minimal");
    assert_eq!(config.clusters["default"].bootstrap, Bootstrap::Embedded);
    let handler = &config.handlers["echo"];
    assert_eq!(handler.component.path, Path::new("folder/echo.wasm"));
    assert_eq!(handler.component.written, "echo.wasm");
    assert_eq!(handler.cluster, "default");
    assert_eq!(handler.group, "pelton.echo");
    assert_eq!(handler.start, Start::Earliest);
    assert_eq!(handler.group_protocol, GroupProtocol::Cooperative);
    assert_eq!(handler.retry.attempts.get(), 5);
    assert_eq!(handler.limits.memory.get(), 64 << 20);
    assert_eq!(handler.drain_timeout, Duration::from_secs(10));
    assert_eq!(handler.order, Order::Partition);
    assert_eq!(handler.in_flight.get(), 4_096);
    assert_eq!(handler.limits.instances.get(), 32);
    assert_eq!(handler.stall_after, Duration::from_secs(60));
    assert!(!handler.allow_loops);
    assert_eq!(config.daemon.memory.get(), 512 << 20);
    assert_eq!(
        handler.written_topics().collect::<Vec<_>>(),
        ["echo.dead-letter"]
    );
    assert!(handler.topic_creation.is_none());
    assert!(config.admin.enabled);
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:9640");
}

#[test]
fn properties_may_be_quoted_or_not_and_hold_any_scalar() {
    let config = valid("secured");
    let properties = &config.clusters["default"].properties;
    let all: Vec<_> = properties.iter().collect();
    assert_eq!(
        all,
        [
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.password", "value-of-KAFKA_PASSWORD"),
            ("sasl.username", "pelton"),
            ("security.protocol", "SASL_SSL"),
            ("socket.keepalive.enable", "true"),
        ]
    );
    assert_eq!(
        config.handlers["audit"]
            .producer_properties
            .get("linger.ms"),
        Some("20")
    );
    let servers = config.clusters["default"].bootstrap.servers();
    assert_eq!(
        servers.as_deref(),
        Some("kafka-1.example.com:9093,[2001:db8::1]:9093")
    );
}

#[test]
fn settings_are_strings_as_they_are_and_else_json() {
    let config = valid("secured");
    let settings = config.handlers["audit"].settings.as_map();
    let shown: Vec<_> = settings
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            ("api", "{\"retries\":3,\"url\":\"https://example.com\"}"),
            ("codes", "[\"a\",\"b\"]"),
            ("limit", "10"),
            ("ratio", "0.5"),
            ("since", "\"1979-05-27\""),
            ("strict", "true"),
            ("text", "as it is"),
            ("token", "value-of-TOKEN"),
            ("price", "${NOT} replaced: $5"),
        ]
        .into_iter()
        .collect::<std::collections::BTreeMap<_, _>>()
        .into_iter()
        .collect::<Vec<_>>()
    );
}

#[test]
fn patterns_stops_and_creation_are_read() {
    let config = valid("secured");
    let handler = &config.handlers["audit"];
    assert_eq!(
        handler.topics,
        Topics::Pattern("^orders[.](eu|us)$".to_owned())
    );
    assert_eq!(handler.on_exhausted, OnExhausted::Stop);
    assert_eq!(
        handler.instance_id.as_deref(),
        Some("audit-value-of-HOSTNAME")
    );
    let creation = handler.topic_creation.as_ref().expect("creation");
    assert_eq!(
        (creation.partitions, creation.replication.map(u16::from)),
        (None, Some(1))
    );
}

#[test]
fn orders_and_their_bounds_are_read() {
    let config = valid("parallel");
    let read = |name: &str| {
        let handler = &config.handlers[name];
        let instances = handler.limits.instances.get();
        (handler.order, handler.in_flight.get(), instances)
    };
    assert_eq!(read("by-key"), (Order::Key, 100_000, 1_000));
    assert_eq!(read("unordered"), (Order::None, 1, 1));
    assert_eq!(read("in-order"), (Order::Partition, 4_096, 32));
    assert_eq!(
        config.handlers["by-key"].stall_after,
        Duration::from_secs(1)
    );
    assert_eq!(config.daemon.memory.get(), 16 << 20);
}

#[test]
fn a_printed_configuration_tells_no_secret() {
    let shown = format!("{:?}", valid("secured"));
    for secret in ["value-of-KAFKA_PASSWORD", "value-of-TOKEN"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn configurations_are_equal_exactly_where_their_handlers_are() {
    let one = valid("shared_topics");
    let two = valid("shared_topics");
    assert_eq!(one, two);
    let changed = fs::read_to_string("tests/valid/shared_topics.toml").expect("a readable file");
    let changed = read(&changed.replace("alarm.wasm", "alert.wasm"));
    assert_ne!(one.handlers["alarm"], changed.handlers["alarm"]);
    assert_eq!(one.handlers["orders"], changed.handlers["orders"]);
}

#[test]
fn what_concerns_a_retry_topic_without_breaking_it_is_warned_of() {
    let config = read(
        "[clusters.default]\nbootstrap-servers = \"embedded\"\n\
         [handlers.all]\ncomponent = \"a.wasm\"\ntopics = \"^bill.*y$\"\n\
         [handlers.bills]\ncomponent = \"b.wasm\"\ntopics = [\"in\"]\ngroup = \"billing\"\n\
         [handlers.skips]\ncomponent = \"b.wasm\"\ntopics = [\"other\"]\ngroup = \"billing\"\n\
         dead-letter = { on-exhausted = \"skip\" }\n\
         [handlers.odd]\ncomponent = \"b.wasm\"\ntopics = [\"third\"]\ngroup = \"billing:v2\"\n\
         dead-letter = { on-exhausted = \"stop\" }\n",
    );
    assert_eq!(
        config.warnings,
        [
            "folder/pelton.toml:13:9: `handlers.bills.group` and `handlers.skips.group` are the same: a rebalance of \
             one handler is one of the other too",
            "folder/pelton.toml:5:10: `handlers.all.topics` also matches `billing.retry`, which dead letters of \
             handler `bills` are redriven to",
        ]
    );
}

#[test]
fn what_is_odd_but_allowed_is_warned_of_with_its_place() {
    let config = read(
        "[clusters.default]\nbootstrap-servers = \"embedded\"\n\
         [handlers.all]\ncomponent = \"a.wasm\"\ntopics = \"^orders.*\"\n\
         [handlers.all.limits]\ntime-per-message = \"1m\"\n\
         [handlers.orders]\ncomponent = \"b.wasm\"\ntopics = [\"in\"]\n",
    );
    assert_eq!(
        config.warnings,
        [
            "folder/pelton.toml:7:20: `handlers.all.limits.time-per-message` (1m) is longer than \
             `handlers.all.drain-timeout` (10s): a message that takes longer than a drain is given up at a rebalance \
             or stop, and repeated",
            "folder/pelton.toml:5:10: `handlers.all.topics` also matches `orders.dead-letter`, the dead letters of \
             handler `orders`",
        ]
    );
}

#[test]
fn a_file_that_can_not_be_read_is_said_plainly() {
    use std::error::Error as _;

    use pelton_config::{Error, load};

    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pelton.toml");
    let missing = load(&file).expect_err("missing");
    assert!(matches!(&missing, Error::Read { path, .. } if *path == file));
    assert!(
        missing.source().is_some(),
        "the system's reason is the source"
    );

    fs::write(&file, b"a = 1\nb = \"\xff\"\n").expect("written");
    let not_text = load(&file).expect_err("not text").to_string();
    assert!(
        not_text.ends_with("pelton.toml:2: not UTF-8 text; save the file as UTF-8"),
        "{not_text}"
    );

    fs::write(&file, "#".repeat((1 << 20) + 1)).expect("written");
    assert!(matches!(load(&file), Err(Error::TooLarge { .. })));
}

#[test]
fn where_a_daemon_is_asked_is_known_also_where_something_else_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pelton.toml");
    let asked = |text: &str| {
        fs::write(&file, text).expect("a file");
        admin(&file).map(|admin| admin.listen.to_string())
    };
    let listen = "[admin]\nlisten = \"127.0.0.1:1234\"\n";
    for elsewhere in [
        "[handlers.h]\ncomit-interval = \"1s\"\n",
        // What is called so is not where the daemon is asked.
        "[handlers.h]\ntopics = [\"admin\", \"admin\"]\n",
    ] {
        let wrong = format!("{listen}{elsewhere}");
        assert_eq!(asked(&wrong).expect("an address"), "127.0.0.1:1234");
    }
    assert_eq!(
        asked("[handlers.h]\n").expect("the default"),
        "127.0.0.1:9640"
    );
    for unknown in [
        "[admin]\nlisten = 5\n",
        "[admin]\nlisten = \"here\"\n",
        "[admin]\nlisten-on = \"127.0.0.1:1234\"\n",
        "[admin]\nlisten = \"0.0.0.0:1234\"\n",
        "[admin\n",
    ] {
        assert!(asked(unknown).is_err(), "{unknown}");
    }
}
