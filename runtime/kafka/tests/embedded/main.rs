//! Consumer and producer against the embedded broker, over loopback.

mod built_in;
mod group;
mod messages;
mod metadata;
mod outage;
mod rebalance;
mod support;
