//! The calls of a partition: one that waits to begin, and those under way.
//!
//! A call begins only when the producer has taken the outputs of those before: that is how a full producer
//! holds back the handler. Dropping a call's future is how it is cancelled; its instance is thrown away.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use pelton_dispatch::{Attempt, CallId};
use pelton_engine::{Call, Curtail, Outcome, Revision};
use pelton_types::{Message, RevisionId};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::held::Held;
use crate::clock::Clock;

/// A call that came back.
pub(super) struct Returned {
    pub call: CallId,
    pub revision: RevisionId,
    pub attempts: Vec<Attempt>,
    pub outcomes: Vec<Outcome>,
    pub took: Duration,
}

struct Deferred {
    call: CallId,
    attempts: Vec<Attempt>,
    fresh: bool,
}

struct UnderWay {
    curtail: Curtail,
    cancel: CancellationToken,
}

/// A message that was to be called is not held any more: a verdict would go to another than it is for.
#[derive(Debug)]
pub(super) struct NotHeld;

pub(super) struct Calls {
    revision: watch::Receiver<Option<Revision>>,
    clock: Clock,
    deferred: Option<Deferred>,
    under_way: HashMap<CallId, UnderWay>,
    running: FuturesUnordered<BoxFuture<'static, Option<Returned>>>,
}

impl Calls {
    pub(super) fn new(revision: watch::Receiver<Option<Revision>>, clock: Clock) -> Self {
        Self {
            revision,
            clock,
            deferred: None,
            under_way: HashMap::new(),
            running: FuturesUnordered::new(),
        }
    }

    /// Takes a call, to be begun by [`begin`](Self::begin).
    pub(super) fn defer(&mut self, call: CallId, attempts: Vec<Attempt>, fresh: bool) {
        self.deferred = Some(Deferred {
            call,
            attempts,
            fresh,
        });
    }

    /// Begins the call that waits, if one does.
    pub(super) fn begin(&mut self, held: &Held) -> Result<(), NotHeld> {
        let Some(Deferred {
            call,
            attempts,
            fresh,
        }) = self.deferred.take()
        else {
            return Ok(());
        };
        let messages: Option<Vec<(Arc<Message>, u32)>> = attempts
            .iter()
            .map(|a| Some((held.message(a.offset)?, a.attempt)))
            .collect();
        let messages = messages.ok_or(NotHeld)?;
        let (curtail, cancel) = (Curtail::new(), CancellationToken::new());
        let under_way = UnderWay {
            curtail: curtail.clone(),
            cancel: cancel.clone(),
        };
        self.under_way.insert(call, under_way);
        let (mut revision, clock) = (self.revision.clone(), self.clock);
        let run = async move {
            // The swap happens here: each call takes the revision that is current when it begins.
            let revision = revision.wait_for(Option::is_some).await.ok()?.clone()?;
            let begun = clock.now();
            let borrowed: Vec<(&Message, u32)> = messages
                .iter()
                .map(|(message, attempt)| (&**message, *attempt))
                .collect();
            let outcomes = revision
                .call(Call {
                    messages: &borrowed,
                    fresh,
                    curtail: &curtail,
                })
                .await;
            Some(Returned {
                call,
                revision: revision.id(),
                attempts,
                outcomes,
                took: clock.now().saturating_sub(begun),
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
        }
    }

    /// Gives up on a call; it does not come back.
    pub(super) fn cancel(&mut self, call: CallId) {
        self.deferred.take_if(|deferred| deferred.call == call);
        if let Some(under_way) = self.under_way.remove(&call) {
            under_way.cancel.cancel();
        }
    }

    /// Waits for a call to end; `None` when there is none, or it was cancelled. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Returned> {
        let returned = self.running.next().await??;
        self.under_way.remove(&returned.call);
        Some(returned)
    }

    /// Whether no call is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }
}
