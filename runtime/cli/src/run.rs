//! `pelton run`: the daemon, from the configuration to the last commit.

use std::process::ExitCode;

use anyhow::Context;
use pelton_admin::Admin;
use pelton_config::Config;
use pelton_daemon::{Control, Daemon, Options, Stopped};
use sd_notify::NotifyState;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    args::RunArgs,
    exit, logging,
    systemd::{self, notify},
};

pub(crate) fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let config = exit::load(&args.config)?;
    logging::begin(&config.log)?;
    let options = Options {
        record_dispatch: args.record_dispatch.clone(),
        ..Options::default()
    };
    on_runtime(serve(&config, &options, HangUp::Reloads, |_| {
        JoinSet::new()
    }))
}

/// Runs the control side; what still blocks when it is done is left behind.
pub(crate) fn on_runtime<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("pelton-control")
        .enable_all()
        .build()
        .context("no threads can be started")?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_background();
    outcome
}

/// Runs a configuration until a signal, or until every handler has failed. The tasks of `beside` end with it.
pub(crate) async fn serve(
    config: &Config,
    options: &Options,
    hang_up: HangUp,
    beside: impl FnOnce(&Daemon) -> JoinSet<()>,
) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen(hang_up)?;
    for warning in &config.warnings {
        warn!("{warning}");
    }
    info!(version = env!("CARGO_PKG_VERSION"), config = %config.file.display(), handlers = config.handlers.len(), "pelton starts");
    let mut daemon = Daemon::start(config, options)?;
    let (admin_stop, stopping) = (CancellationToken::new(), CancellationToken::new());
    let _beside = beside(&daemon);
    let mut tasks = JoinSet::new();
    let reloading = reload_on(signals.hang_up.take(), daemon.control());
    let reloading = stopping.clone().run_until_cancelled_owned(reloading);
    tasks.spawn(async {
        reloading.await;
        Ok(())
    });
    let liveness = daemon.liveness();
    tasks.spawn(async {
        systemd::beat(liveness).await;
        Ok(())
    });
    if config.admin.enabled {
        let admin = Admin::bind(
            config.admin.listen,
            config.admin.token_file.clone(),
            logging::last_lines(),
            &daemon,
        )
        .await?;
        info!(address = %admin.address()?, "health and metrics");
        tasks.spawn(admin.serve(admin_stop.clone()));
    }
    notify(vec![NotifyState::Ready]).await;
    let broken = tokio::select! {
        ran = daemon.run() => match ran {
            Ok(()) => {
                error!("every handler has failed: nothing is left to run");
                None
            }
            Err(error) => Some(error.into()),
        },
        error = failure_of(&mut tasks) => Some(error),
        name = signals.next() => {
            info!(signal = name, "told to stop; a second signal ends at once");
            None
        }
    };
    if let Some(error) = &broken {
        error!("the daemon can't go on, and stops: {error:#}");
    }
    stopping.cancel();
    notify(vec![NotifyState::Stopping]).await;
    let stopped = tokio::select! {
        stopped = daemon.stop() => stopped,
        name = signals.next() => {
            error!(signal = name, "told to end at once: what was in flight is repeated after the next start");
            return Ok(ExitCode::from(exit::FAILED));
        }
    };
    admin_stop.cancel();
    let verdict = verdict(&stopped);
    broken.map_or(Ok(verdict), Err)
}

/// Waits until one of these tasks fails, or dies: those that have nothing to do end well.
async fn failure_of<E>(tasks: &mut JoinSet<Result<(), E>>) -> anyhow::Error
where
    E: std::error::Error + Send + Sync + 'static,
{
    loop {
        match tasks.join_next().await {
            Some(Ok(Ok(()))) => {}
            Some(Ok(Err(error))) => return error.into(),
            Some(Err(died)) => {
                return anyhow::Error::new(died).context("a task of the daemon's died");
            }
            None => return std::future::pending().await,
        }
    }
}

fn verdict(stopped: &Stopped) -> ExitCode {
    for (handler, why) in &stopped.failed {
        error!(%handler, %why, "the handler had failed before the stop: its messages wait for the next start");
    }
    if stopped.cut_short {
        error!(
            "handlers had not ended when the shutdown-timeout was over: what was in flight is repeated after the next start"
        );
    }
    if stopped.unfinished > 0 {
        error!(
            messages = stopped.unfinished,
            "stopped with messages begun but not finished: they are repeated after the next start"
        );
    }
    if stopped.uncommitted > 0 {
        error!(
            commits = stopped.uncommitted,
            "stopped with last commits that failed or are not certain: what was finished since the ones before is repeated after the next start"
        );
    }
    if *stopped == Stopped::default() {
        info!("stopped: everything begun is finished and committed");
        return ExitCode::SUCCESS;
    }
    ExitCode::from(exit::FAILED)
}

/// Has the configuration read anew at each SIGHUP. systemd is told when that begins and when it is done.
async fn reload_on(hang_ups: Option<Signal>, control: Control) {
    let Some(mut hang_ups) = hang_ups else { return };
    while hang_ups.recv().await.is_some() {
        info!(signal = "SIGHUP", "told to read the configuration anew");
        match NotifyState::monotonic_usec_now() {
            Ok(now) => notify(vec![NotifyState::Reloading, now]).await,
            Err(error) => warn!(%error, "systemd can't be told"),
        }
        // What came of it stands in the log.
        if control.reload().await.is_ok() {
            notify(vec![NotifyState::Ready]).await;
        }
    }
}

/// What SIGHUP does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HangUp {
    /// The configuration is read anew: nobody sits before a daemon.
    Reloads,
    /// The terminal is gone, and the process with it.
    Ends,
}

/// SIGTERM and SIGINT, and SIGHUP until somebody takes it.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Option<Signal>,
}

impl Signals {
    fn listen(hang_up: HangUp) -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("signals can't be listened for");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: match hang_up {
                HangUp::Reloads => Some(listen(SignalKind::hangup())?),
                HangUp::Ends => None,
            },
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[tokio::test]
    async fn a_task_that_fails_or_dies_is_told_and_one_that_ends_well_is_not() {
        let mut tasks = JoinSet::new();
        tasks.spawn(async { Ok(()) });
        tasks.spawn(async { Err(io::Error::other("the listener is gone")) });
        let told = failure_of(&mut tasks).await;
        assert_eq!(told.to_string(), "the listener is gone");
        tasks.spawn(std::future::pending()).abort();
        let told = failure_of(&mut tasks).await;
        assert_eq!(told.to_string(), "a task of the daemon's died");
    }
}
