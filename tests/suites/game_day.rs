//! A game day: one trouble each, as an operator meets it. Where it is told, what it is called and what ends it is read
//! from docs/operating.md, section "When …", so that the guide and the product can't drift apart.
//!
//! For each: before it nothing is told; within 30 s the reason stands in `pelton status`, in `/readyz` or a metric whose alert
//! holds in a real Prometheus, and in the log, as often as the guide says and no more, with no flood of anything else; the
//! commands of the guide, run as they stand there, end it; nothing is lost.

#[path = "game_day/access.rs"]
mod access;
#[path = "game_day/brokers.rs"]
mod brokers;
#[path = "game_day/changes.rs"]
mod changes;
#[path = "game_day/guide.rs"]
mod guide;
#[path = "game_day/machine.rs"]
mod machine;
#[path = "game_day/messages.rs"]
mod messages;
#[path = "game_day/peers.rs"]
mod peers;

use std::time::Duration;

use anyhow::Result;
use pelton_harness::{Client, Copies, Draft, Stage};

/// How long anything takes that no promise is made about.
const LIMIT: Duration = Duration::from_secs(60);
/// By when a trouble is told everywhere.
const TOLD: Duration = Duration::from_secs(30);

/// Everything that was put in came out, the first time in order.
fn nothing_is_lost(client: &Client, stage: &Stage, drafts: &[Draft]) -> Result<()> {
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    Copies::of(drafts, &client.read_all(&stage.output)?).at_least_once()
}
