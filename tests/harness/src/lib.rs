//! What whole-program tests stand on: a real Apache Kafka, real `pelton` processes, and clients that share
//! no code with Pelton's.
//!
//! Nothing here pretends. [`TestCluster`] is Apache Kafka's own broker; [`TestDaemon`] is the program a user
//! runs, watched from outside through its exit code, its log, its HTTP and what stands in the topics;
//! [`Client`] speaks to the broker over plain librdkafka; [`foreign`] drives KafkaJS and kcat; [`Browser`] is Chromium.
//! Only [`FaultyCluster`] is no Kafka: it stands in where brokers have to fail in a way that none can be told to.
//! [`Proxy`] stands before a real one and loses, delays and delivers late what passes it, unaltered.
//!
//! Invariant: no process that a test started outlives the test's own process, however that ends.
//!
//! `cargo xtask setup` fetches what is needed; a missing part is an error that says so, never a skipped test.

pub mod browser;
pub mod client;
pub mod cluster;
pub mod command;
pub mod component;
pub mod daemon;
pub mod faulty;
pub mod foreign;
pub mod halted;
pub mod http;
pub mod load;
pub mod metadata;
mod metrics;
pub mod paths;
pub mod process;
pub mod prometheus;
pub mod proxy;
pub mod service;
pub mod stage;
pub mod systemd;
pub mod usage;
pub mod wait;

pub use browser::{Browser, Page, Screen};
pub use client::{Client, Draft, Message};
pub use cluster::{Identity, Issuer, Login, Secured, TOKEN_FILE, TestCluster, Version};
pub use daemon::{DaemonOptions, TestDaemon};
pub use faulty::FaultyCluster;
pub use halted::Halted;
pub use process::Signal;
pub use prometheus::Prometheus;
pub use proxy::Proxy;
pub use service::Service;
pub use stage::{Copies, Stage, orders};
pub use systemd::Systemd;
