//! What may cause repeats: kills, freezes, torn transactions, a broker's death.

use std::{thread, time::Duration};

use anyhow::{Context, Result};
use pelton_harness::{
    Signal,
    proxy::{Api, Fault, Late, Release, Rule},
    wait,
};

use super::STALL;
use crate::{
    history::Incident,
    run::Run,
    schedule::Step,
    subject::{self, SESSION},
};

/// What was on its way from a process when it was killed has arrived at the broker by then.
const ARRIVED: Duration = Duration::from_millis(200);
/// What a broker was asked to end has been ended by then.
const ENDED: Duration = Duration::from_secs(1);
/// What a process that was frozen still had to say has been said by then.
const SAID: Duration = Duration::from_secs(2);

impl Run<'_> {
    pub(super) fn kill(&mut self, step: Step) -> Result<()> {
        let incident = self.begin(format!("kill -9 daemon {}", step.target))?;
        self.end(incident, step)
    }

    /// Kills a daemon as soon as the transaction is committed in which offsets of the one before have arrived: where
    /// nobody minds them the group is left with those.
    pub(super) fn tear(&mut self, step: Step) -> Result<()> {
        let name = format!("torn transaction, kill -9 daemon {}", step.target);
        let incident = self.begin(name)?;
        let wait = self.wait_until_torn(step.target);
        wait.with_context(|| incident.name.clone())?;
        self.end(incident, step)
    }

    fn wait_until_torn(&self, target: usize) -> Result<()> {
        let proxy = self.proxy.context("there is no proxy")?;
        let client = subject::handler(self.options, &format!("daemon-{target}"));
        let arrived = || {
            let all = proxy.late();
            let of_it = |late: &&Late| {
                late.injection.api == Api::TxnOffsetCommit
                    && late.injection.client.contains(&client)
            };
            all.iter().filter(of_it).count()
        };
        let before = arrived();
        // The first answer is that of the repetition, the second that of the next transaction.
        let release = Release::AfterAnswered {
            api: Api::TxnOffsetCommit,
            count: 2,
        };
        proxy.inject(Rule::new(Api::TxnOffsetCommit, Fault::Hold(release)).client(&client));
        wait::until_true("withheld offsets to arrive", STALL, || {
            let is_over = self.writer_is_done() && self.progress.lag() == 0;
            Ok(arrived() > before || is_over)
        })
    }

    fn end(&mut self, mut incident: Incident, step: Step) -> Result<()> {
        self.daemons[step.target].kill();
        thread::sleep(ARRIVED);
        let snapshot = self.asker.snapshot()?;
        // The dead says nothing more: what it may have repeated stands in the topic by now.
        incident.closed.clone_from(&snapshot.ends);
        incident.unclean = true;
        self.see(&mut incident, snapshot);
        self.note(incident);
        thread::sleep(step.away);
        self.daemons[step.target].restart()
    }

    pub(super) fn freeze(&mut self, target: usize) -> Result<()> {
        let mut incident = self.begin(format!("SIGSTOP daemon {target}"))?;
        let daemon = &mut self.daemons[target];
        daemon.signal(Signal::Stop)?;
        thread::sleep(ARRIVED);
        let snapshot = self.asker.snapshot()?;
        self.see(&mut incident, snapshot);
        incident.unclean = true;
        self.note(incident);
        thread::sleep(2 * SESSION);
        self.progress.say(format!("SIGCONT daemon {target}"));
        self.daemons[target].signal(Signal::Cont)?;
        thread::sleep(SAID);
        Ok(())
    }

    pub(super) fn kill_broker(&mut self, away: Duration) -> Result<()> {
        // A lone broker that goes away while a transaction is being ended skips the partitions that nobody leads any more,
        // and calls it complete (Kafka 4.3.1, see docs/reliability.md): nothing that a client could mend. So transactions
        // are open when it goes, and none is being ended.
        let stops = self.options.exactly_once;
        let how = if stops { "stop" } else { "kill -9" };
        let mut incident = self.begin(format!("{how} broker, away {:.1} s", away.as_secs_f64()))?;
        // The dead can't be asked: what it says before counts.
        let snapshot = self.asker.snapshot()?;
        self.see(&mut incident, snapshot);
        incident.unclean = true;
        if stops {
            self.signal_all(Signal::Stop)?;
            thread::sleep(ENDED);
            self.cluster.stop()?;
        } else {
            self.cluster.kill();
        }
        self.note(incident);
        thread::sleep(away);
        let restarted = self.cluster.restart();
        if stops {
            self.signal_all(Signal::Cont)?;
        }
        restarted
    }

    /// The same to every daemon.
    fn signal_all(&mut self, signal: Signal) -> Result<()> {
        let further = self.further.iter_mut().map(|(_, daemon)| daemon);
        let mut all = self.daemons.iter_mut().chain(further);
        all.try_for_each(|daemon| daemon.signal(signal))
    }
}
