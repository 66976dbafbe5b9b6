//! What goes into a call and what comes out.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use pelton_types::{Failure, FailureKind, Message, Output, Verdict};

/// Messages to be given to a handler.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The messages in order, each with the attempt at it, from 1. Bound their bytes: a call copies all of
    /// them into the guest's memory, and 256 KiB is what a packed call does best with.
    pub messages: &'a [(&'a Message, u32)],
    /// Use an instance that has handled nothing before.
    pub fresh: bool,
    /// Stops the call at its next message boundary.
    pub curtail: &'a Curtail,
}

/// Asks a call under way to stop at its next message boundary. Clones are the same wish.
#[derive(Clone, Debug, Default)]
pub struct Curtail(Arc<AtomicBool>);

impl Curtail {
    /// Not asked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks. There is no way back.
    pub fn curtail(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it was asked.
    pub fn is_curtailed(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// An outcome for each message, in their order.
    pub outcomes: Vec<Outcome>,
    /// How long the guest ran.
    pub ran: Duration,
    /// How long it waited for the host.
    pub waited: Duration,
}

impl Answer {
    /// Without anything having run.
    pub(crate) fn at_once(outcomes: Vec<Outcome>) -> Self {
        Self {
            outcomes,
            ran: Duration::ZERO,
            waited: Duration::ZERO,
        }
    }
}

/// What became of one message of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The verdict; its count of outputs is the length of `outputs`.
    pub verdict: Verdict,
    /// What is to be produced. Empty unless the verdict is *done*.
    pub outputs: Vec<Output>,
}

impl Outcome {
    pub(crate) fn done(outputs: Vec<Output>) -> Self {
        let count = u32::try_from(outputs.len()).unwrap_or(u32::MAX);
        Self {
            verdict: Verdict::Done { outputs: count },
            outputs,
        }
    }

    pub(crate) fn failed(failure: Failure) -> Self {
        Self {
            verdict: Verdict::Failed(failure),
            outputs: Vec::new(),
        }
    }

    pub(crate) fn not_attempted() -> Self {
        Self {
            verdict: Verdict::NotAttempted,
            outputs: Vec::new(),
        }
    }

    /// A call of `count` messages of which only the one at `position` has an outcome: this failure.
    pub(crate) fn only(failure: Failure, position: usize, count: usize) -> Vec<Self> {
        let mut outcomes = Vec::with_capacity(count);
        outcomes.resize(position.min(count.saturating_sub(1)), Self::not_attempted());
        outcomes.push(Self::failed(failure));
        outcomes.resize(count, Self::not_attempted());
        outcomes
    }

    /// A call whose guest broke the contract. Nobody knows at which message, so it is the first.
    pub(crate) fn contract(text: impl Into<String>, count: usize) -> Vec<Self> {
        Self::only(Failure::new(FailureKind::Contract, text), 0, count)
    }
}
