//! Looks at what is committed all the while, and takes snapshots when something happens.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use pelton_harness::{
    Client,
    client::{Committed, Probe},
    metadata, wait,
};

use crate::{
    history::{Look, Progress as Committing, Snapshot},
    progress::{Progress, now},
    subject::{GROUP, INPUT, OUTPUT},
};

/// How often.
const STEP: Duration = Duration::from_millis(250);
/// How long one answer may take; the broker is away now and then.
const ANSWER: Duration = Duration::from_secs(2);
/// How long a snapshot may take, with a broker that is just coming back.
const PATIENCE: Duration = Duration::from_secs(60);

/// A thread that looks.
pub struct Watch {
    thread: JoinHandle<Vec<Look>>,
}

impl Watch {
    /// Begins.
    pub fn start(client: &Client, partitions: i32, progress: Arc<Progress>) -> Result<Self> {
        let probe = client.probe(GROUP)?;
        let thread = thread::spawn(move || {
            let mut looks = Vec::new();
            while !progress.is_over() {
                // A broker that is away says nothing, and nothing is what is noted.
                if let Ok(committed) = probe.committed(INPUT, partitions, ANSWER) {
                    let next: Vec<i64> = committed.iter().map(next).collect();
                    progress.note_committed(&next);
                    looks.push(Look { at: now(), next });
                }
                thread::sleep(STEP);
            }
            looks
        });
        Ok(Self { thread })
    }

    /// Everything that was seen. Returns when the run is over.
    pub fn finish(self) -> Result<Vec<Look>> {
        let joined = self.thread.join();
        joined.map_err(|_| anyhow!("the thread that watches commits panicked"))
    }
}

/// Asks the broker, again and again while it is away.
pub struct Asker {
    probe: Probe,
    partitions: i32,
}

impl Asker {
    pub fn new(client: &Client, partitions: i32) -> Result<Self> {
        Ok(Self {
            probe: client.probe(GROUP)?,
            partitions,
        })
    }

    /// Where a topic ends.
    pub fn ends(&self, topic: &str) -> Result<Vec<i64>> {
        patiently("where a topic ends", || {
            self.probe.ends(topic, self.partitions, ANSWER)
        })
    }

    /// What is committed, then where the output topic ends: in this order, so that whatever was committed had come
    /// out below those ends, and may not come out beyond them.
    pub fn snapshot(&self) -> Result<Snapshot> {
        let committed = patiently("what is committed", || {
            self.probe.committed(INPUT, self.partitions, ANSWER)
        })?;
        Ok(Snapshot {
            at: now(),
            committed: committed.iter().map(committing).collect(),
            ends: self.ends(OUTPUT)?,
        })
    }
}

/// Asks until there is an answer.
fn patiently<T>(what: &str, mut ask: impl FnMut() -> Result<T>) -> Result<T> {
    let mut last = None;
    let what = format!("the broker to say {what}");
    let answer = wait::until(&what, PATIENCE, || match ask() {
        Ok(answer) => Ok(Some(answer)),
        Err(error) => {
            last = Some(error);
            Ok(None)
        }
    });
    answer.with_context(|| format!("it said: {last:?}"))
}

fn next(committed: &Committed) -> i64 {
    committed.next.unwrap_or(0)
}

fn committing(committed: &Committed) -> Committing {
    let text = committed.metadata.as_deref().unwrap_or_default();
    Committing {
        next: next(committed),
        finished: metadata::finished(text, next(committed)),
    }
}
