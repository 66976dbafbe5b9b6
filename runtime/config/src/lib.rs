//! pelton.toml: read, checked as a whole, and turned into plain structs.
//!
//! Start reading at [`Config`].
#![forbid(unsafe_code)]

mod model;

pub use model::{
    Admin, Batch, Bootstrap, Buffer, Cluster, Component, Config, Daemon, GroupProtocol, Guarantee,
    Handler, Limits, Log, LogFormat, OnExhausted, Order, Properties, Retry, Settings, Start,
    TopicCreation, Topics,
};
