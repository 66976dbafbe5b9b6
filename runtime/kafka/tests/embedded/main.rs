//! Consumer and producer against the embedded broker, over loopback.

mod group;
mod messages;
mod outage;
mod support;
