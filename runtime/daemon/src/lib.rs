//! Drives the pure machines from Kafka, the engine and files, and carries out what they command.
//!
//! A [`Daemon`] runs the handlers of one configuration until it is told to stop. Control (group events,
//! files, admin) runs on the caller's async runtime; guests run on threads of their own, so that a
//! looping guest starves no poll, no commit and no health check.
//!
//! It decides nothing that the machines decide: what becomes of a message is for `pelton_dispatch` to say, which
//! revision runs for `pelton_revisions`.
//!
//! Start reading at [`Daemon`], then `handler`, then `partition`.
#![forbid(unsafe_code)]

mod behind;
mod budget;
mod clock;
mod compiling;
mod component;
mod configured;
mod control;
mod daemon;
mod dead_letter;
mod files;
mod flood;
mod folders;
mod handler;
mod in_use;
mod liveness;
mod metrics;
mod onlooker;
mod overview;
mod partition;
mod recording;
mod reload;
mod stall;
mod status;
mod troubles;

pub use compiling::{compiler, component_bytes};
pub use component::{
    Fault, Named, ProbationReport, RefusedReport, Report, Transition, load_component,
    read_component,
};
pub use configured::Configured;
pub use control::{Ask, Control, ControlError, Pause};
pub use daemon::{Daemon, Error, Options, Stopped, engine_settings, handler_env};
pub use handler::check_clients;
pub use liveness::Liveness;
pub use metrics::{Latencies, Metrics};
pub use onlooker::{Onlooker, Seen, Step};
pub use overview::{
    Counts, HandlerOverview, LastError, Lives, OldestOverview, Overview, PartitionOverview,
    RunningRevision, State,
};
pub use reload::{Change, Last, Reload};
pub use status::{Standing, Status};
