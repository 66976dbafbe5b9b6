//! A load that flows while something happens to the daemon.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use crate::{Client, Copies, Draft, Stage, TestDaemon, orders, wait};

/// How many messages.
pub const MESSAGES: usize = 20_000;
/// The load lasts as long as the middle has to be hit.
const LASTS: Duration = Duration::from_secs(6);
/// How long anything of it may take.
const LIMIT: Duration = Duration::from_secs(90);

/// Produces so many of the drafts in each half second for as long as something happens; how many, and what came of it.
///
/// # Errors
/// What `happens` says, or when the drafts run out before it is over.
pub fn flows_while<T>(
    client: &Client,
    topic: &str,
    (drafts, step): (&[Draft], usize),
    happens: impl FnOnce() -> Result<T>,
) -> Result<(usize, T)> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let load = scope.spawn(|| -> Result<usize> {
            let mut sent = 0;
            for step in drafts.chunks(step) {
                client.produce_over(topic, step, Duration::from_millis(500))?;
                sent += step.len();
                if over.load(Ordering::Relaxed) {
                    return Ok(sent);
                }
            }
            bail!("it took longer than there were messages")
        });
        let happened = happens();
        over.store(true, Ordering::Relaxed);
        let sent = joined(load);
        let happened = happened?;
        Ok((sent?, happened))
    })
}

fn joined<T>(load: thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    load.join()
        .map_err(|_| anyhow!("the load's thread panicked"))?
}

impl Stage {
    /// Gives the handler these messages and waits until its component is at work on one, which status tells up to two
    /// seconds late.
    ///
    /// # Errors
    /// When it isn't after 90 s.
    pub fn begin(&self, client: &Client, daemon: &TestDaemon, drafts: &[Draft]) -> Result<()> {
        client.produce(&self.input, drafts)?;
        wait::until_true("the message to be called", LIMIT, || {
            // The daemon may not be listening yet.
            let answer = daemon.get("/v1/status");
            answer.map_or(Ok(false), |answer| self.is_calling(&answer.body))
        })
    }

    /// Whether the oldest message of a partition waits for the component, as this status tells.
    fn is_calling(&self, status: &str) -> Result<bool> {
        let status: Value = serde_json::from_str(status).with_context(|| status.to_owned())?;
        let partitions = |handler: &Value| handler["partitions"].as_array().cloned();
        let handlers = status["handlers"].as_array().into_iter().flatten();
        let own = handlers.filter(|handler| handler["handler"] == self.handler.as_str());
        let mut partitions = own.filter_map(partitions).flatten();
        Ok(partitions.any(|partition| partition["oldest"]["stage"] == "calling"))
    }

    /// Waits until so many offsets of the output topic are taken, by messages and by the ends of transactions.
    ///
    /// # Errors
    /// When they aren't after 90 s.
    pub fn wait_for_outputs(&self, client: &Client, count: usize) -> Result<()> {
        wait::until_true(&format!("{count} outputs"), LIMIT, || {
            Ok(client.ends(&self.output)?.iter().sum::<i64>() >= count as i64)
        })
    }

    /// Runs `interrupt` while 20,000 messages flow, once for each share of them, and returns where the messages stand
    /// and what came out when all is committed.
    ///
    /// # Errors
    /// What `interrupt` says, or when something takes longer than 90 s.
    pub fn under_load(
        &self,
        client: &Client,
        daemon: &mut TestDaemon,
        shares: &[usize],
        mut interrupt: impl FnMut(&mut TestDaemon) -> Result<()>,
    ) -> Result<(Vec<(i32, i64)>, Copies)> {
        let drafts = orders(MESSAGES);
        let placed = thread::scope(|scope| {
            let load = scope.spawn(|| client.produce_over(&self.input, &drafts, LASTS));
            let mut interrupted = Ok(());
            for share in shares {
                interrupted = interrupted
                    .and_then(|()| self.wait_for_outputs(client, *share))
                    .and_then(|()| interrupt(daemon));
            }
            let placed = joined(load);
            interrupted.and(placed)
        })?;
        client.wait_for_all_committed(&self.group, &self.input, LIMIT)?;
        let outputs = client.read_all(&self.output)?;
        Ok((placed, Copies::of(&drafts, &outputs)))
    }
}
