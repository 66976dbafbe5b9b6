//! One handler: its membership of a group, and the partitions it has.
//!
//! [`Handler::run`] waits until there is a component and a broker with the topics it writes to, joins the
//! group, and keeps a task for each assigned partition. When the producer breaks for good it begins anew.
//!
//! Invariant: a revocation is acknowledged only after the tasks of the revoked partitions have ended.

mod check;
mod holdings;
mod members;
mod membership;
mod overtaken;
mod policy;
mod retry;
mod settings;
mod shared;
mod topics;
mod transactions;
mod trouble;
mod watchdog;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use pelton_config::Properties;
use pelton_kafka::TopicNames;
use tokio::{runtime::Handle, sync::watch};
use tokio_util::sync::CancellationToken;

pub use self::check::check_clients;
use self::membership::Membership;
pub(crate) use self::{
    shared::Shared,
    transactions::{Seat, Transactions},
    trouble::{Broken, Trouble},
};
use crate::{
    in_use::InUse,
    liveness::Liveness,
    status::{Aspect, Standing, Status},
};

/// How long to wait before beginning anew; doubled each time, for every new beginning is a rebalance of the group.
const BEGIN_AGAIN: Duration = Duration::from_secs(1);
/// The longest such wait.
const BEGIN_AGAIN_AT_MOST: Duration = Duration::from_secs(60);

/// What a handler is run with.
pub(crate) struct Handler {
    pub config: pelton_config::Handler,
    pub connection: Connection,
    pub shared: Arc<Shared>,
    pub revision: watch::Receiver<Option<InUse>>,
    pub status: Status,
    pub liveness: Liveness,
    /// Names this life of the process among all others.
    pub process: Arc<str>,
    /// The threads that guests run on.
    pub guests: Handle,
    pub stop: CancellationToken,
}

/// How the handler's cluster is reached.
#[derive(Clone)]
pub(crate) struct Connection {
    pub bootstrap: String,
    /// Which topics there are.
    pub topics: watch::Receiver<TopicNames>,
    pub embedded: bool,
    pub properties: Properties,
}

/// What a life as a member leaves undone: it may be repeated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Undone {
    /// Messages begun but not finished when their partitions were given up.
    pub unfinished: u32,
    /// Last commits, and last transactions, that failed or whose end is not known.
    pub uncommitted: u32,
}

/// How a handler ended.
#[derive(Debug, Default)]
pub(crate) struct Left {
    pub undone: Undone,
    /// Why it ended by itself, if it did.
    pub failed: Option<String>,
}

/// How a life as a member ends.
enum Ending {
    Stopped,
    /// It begins anew after this.
    Again(String),
    Failed(String),
}

impl Handler {
    /// Runs until stopped, or until something that can't mend itself.
    pub(crate) async fn run(mut self) -> Left {
        let mut wait = BEGIN_AGAIN;
        // What the life before left undone, until another has taken it up.
        let mut left_over = Undone::default();
        loop {
            let mut began = Instant::now();
            let stop = self.stop.clone();
            let (ending, undone) = match stop.run_until_cancelled(self.get_ready()).await {
                None => (Ending::Stopped, left_over),
                Some(largest_batch) => {
                    began = Instant::now();
                    Membership::live(&self, largest_batch).await
                }
            };
            match ending {
                Ending::Stopped => {
                    return Left {
                        undone,
                        failed: None,
                    };
                }
                Ending::Failed(why) => {
                    return Left {
                        undone: Undone::default(),
                        failed: Some(why),
                    };
                }
                Ending::Again(why) => {
                    left_over = undone;
                    // What has worked for a while is not what failed before.
                    if began.elapsed() >= BEGIN_AGAIN_AT_MOST {
                        wait = BEGIN_AGAIN;
                    }
                    self.stand(Standing::Waiting(format!("begins anew in {wait:?}: {why}")));
                    stop.run_until_cancelled(tokio::time::sleep(wait)).await;
                    wait = BEGIN_AGAIN_AT_MOST.min(wait * 2);
                }
            }
        }
    }

    fn stand(&self, standing: Standing) {
        self.status.set(&self.shared.name, Aspect::Life, standing);
    }

    /// Waits for a component, then for the broker and the topics it writes to. Returns the largest batch these take.
    async fn get_ready(&mut self) -> Option<u32> {
        if self.revision.borrow().is_none() {
            self.stand(Standing::Waiting(format!(
                "no component that can run in {}",
                self.config.component.path.display()
            )));
            // An error means that the watcher of the component is gone, which happens only when the daemon stops.
            if self.revision.wait_for(Option::is_some).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
        topics::wait_for_written(self).await
    }
}
