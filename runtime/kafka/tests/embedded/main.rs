//! Consumer and producer against the embedded broker, over loopback.

mod built_in;
mod group;
mod messages;
mod outage;
mod support;
