//! pelton.toml: read, checked as a whole, and turned into plain structs.
//!
//! [`load`] (and [`check`], which also wants the component files to be there) gives a [`Config`] or an [`Error`]
//! whose [`Report`] holds everything that is wrong with the file: line, column, the lines themselves, the keys that
//! clash, what to do. [`json_schema`] describes the file for editors.
//!
//! A file's way: `read` (syntax, `${NAME}`, types: serde over a tree that keeps every place) ->
//! `validate` (what keys say together) -> `model`.
//!
//! It knows nothing of the rooms that read it, and touches neither a broker nor a component's content.
//!
//! Start reading at [`Config`].
#![forbid(unsafe_code)]

mod document;
mod error;
mod findings;
mod key;
mod load;
mod model;
mod outside;
mod problem;
mod read;
mod schema;
mod show;
mod substitute;
mod suggest;
mod tree;
mod validate;

pub use document::Document;
pub use error::Error;
pub use load::{admin, check, find, load, parse};
pub use model::{
    Admin, Batch, Bootstrap, Buffer, Cache, Cluster, Component, Config, Daemon, Grants,
    GroupProtocol, Guarantee, Handler, Isolation, Limits, Log, LogFormat, OnExhausted, Order,
    Probation, Properties, Retry, Settings, Start, Test, TopicCreation, Topics, Transaction,
    forbidden_topic,
};
pub use problem::{Place, Problem, Report};
pub use schema::json_schema;
pub use show::show;
