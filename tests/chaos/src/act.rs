//! What is done to the group, and what the broker said just then.
//!
//! Invariant: an unclean incident begins only when the one before is over: every partition has committed messages
//! that were written after it. So each repeat has one cause.

mod unclean;

use std::{thread, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use pelton_harness::{TestDaemon, component, wait};

use crate::{
    history::{Incident, Snapshot},
    run::Run,
    schedule::{Kind, Step},
    subject::{self, GUEST, INPUT, OUTPUT},
};

/// How long a daemon may take to start, to swap, to stop (its own limit is 25 s).
const LIMIT: Duration = Duration::from_secs(60);
/// How long a group may take until every partition moves again. Much more than a session time-out and a rebalance.
const STALL: Duration = Duration::from_secs(120);

impl Run<'_> {
    /// Does one step.
    pub fn act(&mut self, step: Step) -> Result<()> {
        if step.kind.is_unclean() {
            self.settle()?;
        }
        self.look_after_daemons()?;
        match step.kind {
            Kind::Kill => self.kill(step),
            Kind::Torn => self.tear(step),
            Kind::Stop => self.stop_and_restart(step.target),
            Kind::Freeze => self.freeze(step.target),
            Kind::Broker => self.kill_broker(step.away),
            Kind::Join => self.join(),
            Kind::Leave => self.leave(),
            Kind::Swap => self.swap(),
        }
    }

    /// Waits until every partition has committed something that was written after this was called.
    pub fn settle(&mut self) -> Result<()> {
        let ends = self.asker.ends(INPUT)?;
        let was = self.progress_line("until every partition commits newer messages");
        let moved = wait::until_true("every partition to move", STALL, || {
            self.look_after_daemons()?;
            let committed = self.progress.committed();
            let all = |further: i64| {
                let mut pairs = committed.iter().zip(&ends);
                pairs.all(|(committed, end)| *committed >= end + further)
            };
            // When nothing more is written, everything that was is enough.
            Ok(all(1) || (self.writer_is_done() && self.progress.lag() == 0))
        });
        moved.with_context(|| {
            let committed = self.progress.committed();
            format!("stalled after {was}: committed {committed:?}, written {ends:?}")
        })?;
        if !self.open.is_empty() {
            let closed = self.asker.ends(OUTPUT)?;
            for position in self.open.drain(..) {
                let incident = &mut self.incidents[position];
                if incident.closed.is_empty() {
                    incident.closed.clone_from(&closed);
                }
            }
        }
        Ok(())
    }

    /// A daemon that has ended by itself is a fault, and started again, so that the rest can be looked at.
    fn look_after_daemons(&mut self) -> Result<()> {
        for (position, daemon) in self.daemons.iter_mut().enumerate() {
            if !daemon.is_running() {
                self.faults
                    .push(format!("daemon {position} ended by itself"));
                daemon.restart()?;
            }
        }
        Ok(())
    }

    fn begin(&self, name: String) -> Result<Incident> {
        self.progress.say(&name);
        Ok(Incident {
            name,
            began: self.progress.elapsed().as_millis() as u64,
            before: self.asker.ends(OUTPUT)?,
            ..Incident::default()
        })
    }

    /// Notes what the broker says, and how far the group was behind.
    fn see(&self, incident: &mut Incident, snapshot: Snapshot) {
        let committed: i64 = snapshot.committed.iter().map(|one| one.next).sum();
        let written = self
            .progress
            .written
            .load(std::sync::atomic::Ordering::Relaxed);
        incident.lag = written as i64 - committed;
        incident.snapshot = snapshot;
    }

    fn note(&mut self, incident: Incident) {
        if incident.unclean {
            self.open.push(self.incidents.len());
        }
        self.incidents.push(incident);
    }

    fn stop_and_restart(&mut self, target: usize) -> Result<()> {
        let mut incident = self.begin(format!("SIGTERM daemon {target}"))?;
        let alive = self.wait_alive(&self.daemons[target]);
        alive.with_context(|| format!("daemon {target} was to be stopped"))?;
        let fault = stop(&mut self.daemons[target], &mut incident)?;
        self.faults.extend(fault);
        let snapshot = self.asker.snapshot()?;
        self.see(&mut incident, snapshot);
        self.note(incident);
        self.daemons[target].restart()
    }

    fn join(&mut self) -> Result<()> {
        self.joined += 1;
        let name = format!("further-{}", self.joined);
        let mut incident = self.begin(format!("{name} joins"))?;
        let snapshot = self.asker.snapshot()?;
        self.see(&mut incident, snapshot);
        self.note(incident);
        let daemon = subject::start(&self.bootstrap(), self.options, &name)?;
        self.further.push_back((name, daemon));
        Ok(())
    }

    fn leave(&mut self) -> Result<()> {
        let Some((name, mut daemon)) = self.further.pop_front() else {
            return Ok(());
        };
        let mut incident = self.begin(format!("{name} leaves"))?;
        self.wait_alive(&daemon)?;
        let fault = stop(&mut daemon, &mut incident)?;
        self.faults.extend(fault);
        let snapshot = self.asker.snapshot()?;
        self.see(&mut incident, snapshot);
        self.note(incident);
        self.retire(daemon);
        Ok(())
    }

    /// Puts another component of the same behaviour into every daemon's folder, and waits until it runs in those that
    /// were there before.
    fn swap(&mut self) -> Result<()> {
        self.swaps += 1;
        let mut incident = self.begin(format!("swap {}", self.swaps))?;
        let bytes = component::variant(&self.component, self.swaps);
        let all = self
            .daemons
            .iter()
            .chain(self.further.iter().map(|(_, daemon)| daemon));
        // One that is starting may read the new file at once: then it runs without a swap.
        let runs = |daemon: &TestDaemon| {
            daemon.log_count("revision runs ") + daemon.log_count("revision swapped in ")
        };
        let before: Vec<(&TestDaemon, usize)> = all.map(|daemon| (daemon, runs(daemon))).collect();
        for (daemon, _) in &before {
            component::replace(&daemon.folder().join(format!("{GUEST}.wasm")), &bytes)?;
        }
        if self.options.subject.is_pelton() {
            for (daemon, before) in before {
                let swapped = wait::until_true("the new revision to run", LIMIT, || {
                    Ok(runs(daemon) > before)
                });
                swapped.with_context(|| format!("{}: {}", incident.name, daemon.tail(20)))?;
            }
        }
        let snapshot = self.asker.snapshot()?;
        self.see(&mut incident, snapshot);
        self.note(incident);
        Ok(())
    }

    /// Waits until a daemon listens to signals: before that SIGTERM ends it as it ends any program.
    fn wait_alive(&self, daemon: &TestDaemon) -> Result<()> {
        if !self.options.subject.is_pelton() {
            thread::sleep(Duration::from_secs(1));
            return Ok(());
        }
        wait::until_true("the daemon to be alive", LIMIT, || {
            Ok(daemon
                .get("/livez")
                .is_ok_and(|answer| answer.status == 200))
        })
    }

    /// Stops everybody; each must end with 0.
    pub fn stop_all(&mut self) -> Result<()> {
        let further = self.further.drain(..).collect::<Vec<_>>();
        let daemons = std::mem::take(&mut self.daemons);
        let named = daemons.into_iter().enumerate();
        let named = named.map(|(position, daemon)| (format!("daemon {position}"), daemon));
        for (name, mut daemon) in named.chain(further) {
            self.progress.say(format!("stopping {name}"));
            ensure!(daemon.is_running(), "{name} has ended by itself");
            match daemon.stop(LIMIT) {
                Ok(0) => {}
                Ok(code) => {
                    let fault = format!("{name} ended with {code} although nothing was left to do");
                    self.faults.push(fault);
                }
                Err(error) => self.faults.push(format!("{name}: {error:#}")),
            }
            self.retire(daemon);
        }
        Ok(())
    }
}

/// SIGTERM. A stop that left something unfinished or uncommitted, and says so, is an unclean one; any other ending is a
/// fault.
fn stop(daemon: &mut TestDaemon, incident: &mut Incident) -> Result<Option<String>> {
    let said = |daemon: &TestDaemon| {
        let words = ["begun but not finished", "last commits that failed"];
        words
            .map(|words| daemon.log_count(words))
            .iter()
            .sum::<usize>()
    };
    let before = said(daemon);
    match daemon.stop(LIMIT) {
        Ok(0) => Ok(None),
        Ok(1) if said(daemon) > before => {
            incident.unclean = true;
            incident.name.push_str(" (unfinished)");
            Ok(None)
        }
        Ok(code) => {
            // Whatever it repeats belongs to it.
            incident.unclean = true;
            Ok(Some(format!("{} ended with {code}", incident.name)))
        }
        Err(error) if daemon.is_running() => bail!("{}: {error:#}", incident.name),
        Err(error) => Ok(Some(format!("{}: {error:#}", incident.name))),
    }
}
