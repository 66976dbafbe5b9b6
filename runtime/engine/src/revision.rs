//! A loaded component with its configuration, and calls to it.

use std::sync::Arc;

use pelton_types::{Failure, FailureKind, RevisionId, Verdict};
use wasmtime::component::InstancePre;

use crate::{
    bindings::exports::pelton::handler::{lifecycle, packed_handler, simple_handler},
    call::{Answer, Call, Outcome},
    engine::Engine,
    env::{HandlerEnv, Isolation},
    error::TrialError,
    http::{Access, Answers},
    inspect::Interface,
    instance::{Guest, Instance},
    limiter::Memory,
    log_budget::LogBudget,
    packed, simple,
    slots::{Permit, Taken},
    state::State,
};

/// One loaded digest with its configuration. Cheap to clone; its idle instances go with the last clone.
#[derive(Clone)]
pub struct Revision {
    inner: Arc<Inner>,
}

struct Inner {
    blueprint: Blueprint,
    /// Names this revision's instances among those of the engine.
    key: u64,
}

/// What instances are made of.
pub(crate) struct Blueprint {
    pub(crate) engine: Engine,
    pub(crate) pre: InstancePre<State>,
    pub(crate) handler: Handler,
    pub(crate) setup: Option<lifecycle::GuestIndices>,
    pub(crate) env: Arc<HandlerEnv>,
    pub(crate) id: RevisionId,
    /// The id as the log and the guest name it.
    pub(crate) name: Arc<str>,
    /// What its instances may log.
    pub(crate) logs: Arc<LogBudget>,
    pub(crate) digest: String,
    /// What its instances take.
    pub(crate) memory: Memory,
    /// What its instances may reach by HTTP; `None` where they import none of it.
    pub(crate) http: Option<Arc<Access>>,
}

/// Where the function that handles messages is found.
pub(crate) enum Handler {
    Packed(packed_handler::GuestIndices),
    Simple(simple_handler::GuestIndices),
}

/// An instance at work. It is dropped unless it is kept: a call that is dropped midway, or whose guest
/// failed, leaves nothing behind that could be used again.
struct AtWork {
    instance: Instance,
    /// After the instance: a permit that is free promises a place.
    permit: Permit,
}

impl Revision {
    pub(crate) fn new(blueprint: Blueprint) -> Self {
        let key = blueprint.engine.inner.slots.new_key();
        Self {
            inner: Arc::new(Inner { blueprint, key }),
        }
    }

    /// The digest over the component, its limits and its settings.
    pub fn id(&self) -> RevisionId {
        self.inner.blueprint.id
    }

    /// The SHA-256 of the component's file, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.inner.blueprint.digest
    }

    /// What it runs with.
    pub fn env(&self) -> &HandlerEnv {
        &self.inner.blueprint.env
    }

    /// The linear memory of its instances, those that wait for a call included, in bytes.
    pub fn memory(&self) -> u64 {
        self.inner.blueprint.memory.bytes()
    }

    /// How it is called.
    pub fn interface(&self) -> Interface {
        match self.inner.blueprint.handler {
            Handler::Packed(_) => Interface::Packed,
            Handler::Simple(_) => Interface::Simple,
        }
    }

    /// Makes an instance, sets it up and keeps it for the first call. Waits while all slots are in use.
    /// Needs a tokio runtime with its timer.
    ///
    /// # Errors
    /// The component can't be instantiated, or its set-up failed or refused.
    pub async fn trial(&self) -> Result<(), TrialError> {
        let work = self.take(true).await?;
        self.keep(work);
        Ok(())
    }

    /// Gives messages to the handler, in order: in one call, or one call each for a simple handler.
    ///
    /// It brings an outcome for each message, in their order, whatever happens. Waits while all slots are in
    /// use. With [`Isolation::Message`] each message has an instance of its own, in a call of its own.
    /// Dropping it midway is safe: the instance goes with it. Needs a tokio runtime with its timer;
    /// the guest runs on the thread that polls, and yields every millisecond or two.
    pub async fn call(&self, call: Call<'_>) -> Answer {
        self.answered(call, None).await
    }

    /// As [`call`](Self::call), with HTTP requests answered by these instead of the network.
    pub async fn call_answered(&self, call: Call<'_>, answers: &Arc<Answers>) -> Answer {
        self.answered(call, Some(answers)).await
    }

    async fn answered(&self, call: Call<'_>, answers: Option<&Arc<Answers>>) -> Answer {
        let count = call.messages.len();
        if count == 0 || call.curtail.is_curtailed() {
            return Answer::at_once(vec![Outcome::not_attempted(); count]);
        }
        match self.inner.blueprint.env.isolation {
            Isolation::Instance => self.together(call, answers).await,
            Isolation::Message => self.apart(call, answers).await,
        }
    }

    /// One message after another, up to the first that isn't done.
    async fn apart(&self, call: Call<'_>, answers: Option<&Arc<Answers>>) -> Answer {
        let count = call.messages.len();
        let mut all = Answer::at_once(Vec::with_capacity(count));
        for message in call.messages {
            if call.curtail.is_curtailed() {
                break;
            }
            let one = Call {
                messages: std::slice::from_ref(message),
                fresh: true,
                ..call
            };
            let answer = self.together(one, answers).await;
            all.waited = all.waited.saturating_add(answer.waited);
            all.ran = all.ran.saturating_add(answer.ran);
            let done = |outcome: &Outcome| matches!(outcome.verdict, Verdict::Done { .. });
            let go_on = answer.outcomes.iter().all(done);
            all.outcomes.extend(answer.outcomes);
            if !go_on {
                break;
            }
        }
        all.outcomes.resize(count, Outcome::not_attempted());
        all
    }

    async fn together(&self, call: Call<'_>, answers: Option<&Arc<Answers>>) -> Answer {
        let mut work = match self.take(call.fresh).await {
            Ok(work) => work,
            Err(error) => {
                let count = call.messages.len();
                return Answer::at_once(Outcome::only(failure(error), 0, count));
            }
        };
        work.instance.meter.take();
        let limits = &self.inner.blueprint.env.limits;
        work.instance
            .store
            .data_mut()
            .open(call.messages, call.curtail, answers);
        let (outcomes, intact) = match work.instance.guest.clone() {
            Guest::Packed(guest) => {
                packed::call(&mut work.instance, &guest, call.messages, limits).await
            }
            Guest::Simple(guest) => {
                simple::call(&mut work.instance, &guest, call.messages, limits).await
            }
        };
        let (ran, waited) = work.instance.meter.take();
        if intact {
            work.instance.store.data_mut().close();
            self.keep(work);
        }
        Answer {
            outcomes,
            ran,
            waited,
        }
    }

    async fn take(&self, fresh: bool) -> Result<AtWork, TrialError> {
        let Inner { blueprint, key } = &*self.inner;
        let slots = &blueprint.engine.inner.slots;
        let Some(permit) = slots.permit().await else {
            let text = "the engine has been shut down";
            return Err(TrialError::Instantiate(Failure::new(
                FailureKind::Trap,
                text,
            )));
        };
        loop {
            match slots.take(&permit, *key, fresh) {
                Some(Taken::Idle(instance)) => return Ok(AtWork { instance, permit }),
                Some(Taken::Room(place)) => {
                    let instance = Instance::create(blueprint, place).await?;
                    return Ok(AtWork { instance, permit });
                }
                Some(Taken::GivesWay(instance)) => drop(instance),
                // Someone else is dropping the instance that gave way; its place is free in a moment.
                None => tokio::task::yield_now().await,
            }
        }
    }

    fn keep(&self, work: AtWork) {
        if self.inner.blueprint.env.isolation == Isolation::Message {
            return;
        }
        let AtWork { instance, permit } = work;
        self.inner
            .blueprint
            .engine
            .inner
            .slots
            .keep(&permit, self.inner.key, instance);
        drop(permit);
    }
}

impl std::fmt::Debug for Revision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Revision")
            .field("id", &self.id())
            .field("digest", &self.digest())
            .field("interface", &self.interface())
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.blueprint.engine.inner.slots.forget(self.key);
    }
}

/// What an instance that could not be made means to the message it was wanted for.
fn failure(error: TrialError) -> Failure {
    match error {
        TrialError::Instantiate(failure) | TrialError::Setup(failure) => failure,
        TrialError::Refused(text) => Failure::new(
            FailureKind::Other,
            format!("the component's set-up refused: {text}"),
        ),
    }
}
