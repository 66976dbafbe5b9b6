//! The calls of a partition: those that wait to begin, and those under way.
//!
//! A call begins only when the producer has taken the outputs of those before: that is how a full producer
//! holds back the handler. Then it waits until the handler may have one more instance at work. Dropping a call's future is how it is cancelled; its instance is thrown away.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use pelton_dispatch::{Attempt, CallId};
use pelton_engine::{Call, Curtail, Outcome};
use pelton_types::{Message, RevisionId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::held::Held;
use crate::{budget::CallMemory, clock::Clock, in_use::InUse};

/// A call that came back.
pub(super) struct Returned {
    pub call: CallId,
    pub revision: RevisionId,
    /// That revision was on probation when the call began. It may have been rolled back since, for which its last
    /// messages need the one before all the more.
    pub probation: bool,
    /// It was for the revision before the one on probation.
    pub fallback: bool,
    pub attempts: Vec<Attempt>,
    pub outcomes: Vec<Outcome>,
    pub took: Duration,
    pub ran: Duration,
    pub waited: Duration,
    /// What the outputs may take, until the producer has them.
    pub memory: Option<OwnedSemaphorePermit>,
}

struct Deferred {
    call: CallId,
    attempts: Vec<Attempt>,
    fresh: bool,
    fallback: bool,
}

struct UnderWay {
    curtail: Curtail,
    /// Ends the wait for an instance.
    curtailed: CancellationToken,
    cancel: CancellationToken,
}

/// What happens to calls under way.
pub(super) enum News {
    Returned(Returned),
    /// Another revision is used than they began with.
    Outdated,
}

/// A message that was to be called is not held any more: a verdict would go to another than it is for.
#[derive(Debug)]
pub(super) struct NotHeld;

pub(super) struct Calls {
    revision: watch::Receiver<Option<InUse>>,
    /// What calls under way began with at the latest.
    begun_with: Option<RevisionId>,
    clock: Clock,
    /// One for each instance that the handler may have at work.
    instances: Arc<Semaphore>,
    memory: Arc<CallMemory>,
    deferred: Vec<Deferred>,
    under_way: HashMap<CallId, UnderWay>,
    running: FuturesUnordered<BoxFuture<'static, Option<Returned>>>,
}

impl Calls {
    pub(super) fn new(
        revision: watch::Receiver<Option<InUse>>,
        clock: Clock,
        instances: Arc<Semaphore>,
        memory: Arc<CallMemory>,
    ) -> Self {
        Self {
            revision,
            begun_with: None,
            clock,
            instances,
            memory,
            deferred: Vec::new(),
            under_way: HashMap::new(),
            running: FuturesUnordered::new(),
        }
    }

    /// Takes a call, to be begun by [`begin`](Self::begin).
    pub(super) fn defer(
        &mut self,
        call: CallId,
        attempts: Vec<Attempt>,
        fresh: bool,
        fallback: bool,
    ) {
        self.deferred.push(Deferred {
            call,
            attempts,
            fresh,
            fallback,
        });
    }

    /// Begins the calls that wait.
    pub(super) fn begin(&mut self, held: &Held) -> Result<(), NotHeld> {
        std::mem::take(&mut self.deferred)
            .into_iter()
            .try_for_each(|deferred| self.begin_one(deferred, held))
    }

    fn begin_one(&mut self, deferred: Deferred, held: &Held) -> Result<(), NotHeld> {
        let Deferred {
            call,
            attempts,
            fresh,
            fallback,
        } = deferred;
        let messages: Option<Vec<(Arc<Message>, u32)>> = attempts
            .iter()
            .map(|a| Some((held.message(a.offset)?, a.attempt)))
            .collect();
        let messages = messages.ok_or(NotHeld)?;
        let (curtail, curtailed) = (Curtail::new(), CancellationToken::new());
        let cancel = CancellationToken::new();
        let under_way = UnderWay {
            curtail: curtail.clone(),
            curtailed: curtailed.clone(),
            cancel: cancel.clone(),
        };
        if self.running.is_empty() {
            let in_use = self.revision.borrow_and_update();
            self.begun_with = in_use.as_ref().map(|in_use| in_use.revision.id());
        }
        self.under_way.insert(call, under_way);
        let (mut revision, clock) = (self.revision.clone(), self.clock);
        let (instances, memory) = (self.instances.clone(), self.memory.clone());
        let run = async move {
            let bytes = messages
                .iter()
                .map(|(message, _)| message.size() as u64)
                .sum();
            // Memory first, always: who has it needs only an instance, so nobody waits in a circle.
            let memory = curtailed.run_until_cancelled(memory.take(bytes)).await;
            let _instance = curtailed.run_until_cancelled(instances.acquire()).await;
            // The swap happens here: each call takes the revision that is current when it begins.
            let in_use = revision.wait_for(Option::is_some).await.ok()?.clone()?;
            let revision = in_use.for_call(fallback);
            let probation = in_use.ballot(revision.id()).is_some();
            let begun = clock.now();
            let borrowed: Vec<(&Message, u32)> = messages
                .iter()
                .map(|(message, attempt)| (&**message, *attempt))
                .collect();
            let answer = revision
                .call(Call {
                    messages: &borrowed,
                    fresh,
                    curtail: &curtail,
                })
                .await;
            in_use.answered(revision.id());
            Some(Returned {
                call,
                revision: revision.id(),
                probation,
                fallback,
                attempts,
                outcomes: answer.outcomes,
                took: clock.now().saturating_sub(begun),
                ran: answer.ran,
                waited: answer.waited,
                memory: memory.flatten(),
            })
        };
        let run = async move { cancel.run_until_cancelled(run).await.flatten() };
        self.running.push(Box::pin(run));
        Ok(())
    }

    /// Asks a call to stop at its next message boundary.
    pub(super) fn curtail(&self, call: CallId) {
        if let Some(under_way) = self.under_way.get(&call) {
            under_way.curtail.curtail();
            under_way.curtailed.cancel();
        }
    }

    /// Gives up on a call; it does not come back.
    pub(super) fn cancel(&mut self, call: CallId) {
        self.deferred.retain(|deferred| deferred.call != call);
        if let Some(under_way) = self.under_way.remove(&call) {
            under_way.cancel.cancel();
        }
    }

    /// Waits for news of the calls under way; `None` when there is none, or a call was cancelled. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<News> {
        tokio::select! {
            biased;
            returned = self.running.next() => {
                let returned = returned??;
                self.under_way.remove(&returned.call);
                Some(News::Returned(returned))
            }
            revision = another(&mut self.revision, self.begun_with) => {
                self.begun_with = revision;
                Some(News::Outdated)
            }
        }
    }

    /// Whether no call is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }
}

/// Waits until another revision is used than this.
async fn another(
    revision: &mut watch::Receiver<Option<InUse>>,
    before: Option<RevisionId>,
) -> Option<RevisionId> {
    let id = |in_use: &Option<InUse>| in_use.as_ref().map(|in_use| in_use.revision.id());
    let found = revision.wait_for(|in_use| id(in_use) != before).await;
    let found = found.map(|in_use| id(&in_use));
    match found {
        Ok(revision) => revision,
        // Nobody swaps any more.
        Err(_) => std::future::pending().await,
    }
}
