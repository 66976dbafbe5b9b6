//! A load that flows while something happens to the daemon.

use std::{thread, time::Duration};

use anyhow::{Result, anyhow};

use crate::{Client, Copies, Stage, TestDaemon, orders, wait};

/// How many messages.
pub const MESSAGES: usize = 20_000;
/// The load lasts as long as the middle has to be hit.
const LASTS: Duration = Duration::from_secs(6);
/// How long anything of it may take.
const LIMIT: Duration = Duration::from_secs(90);

impl Stage {
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
            let placed = load
                .join()
                .map_err(|_| anyhow!("the load's thread panicked"))?;
            interrupted.and(placed)
        })?;
        client.wait_for_all_committed(&self.group, &self.input, LIMIT)?;
        let outputs = client.read_all(&self.output)?;
        Ok((placed, Copies::of(&drafts, &outputs)))
    }
}
