//! What calls returned, until the machine says what becomes of it.
//!
//! Invariant: while outputs are kept for a later transaction, the memory of the calls that they came from is kept, too.

use std::collections::{HashMap, VecDeque};

use pelton_dispatch::Attempt;
use pelton_types::{Offset, Output};
use tokio::sync::OwnedSemaphorePermit;

#[derive(Default)]
pub(super) struct Returns {
    /// Of the call that came back last.
    last: VecDeque<(Offset, Vec<Output>)>,
    /// For the next transaction.
    kept: HashMap<Offset, Vec<Output>>,
    memory: Vec<OwnedSemaphorePermit>,
}

impl Returns {
    /// Takes in what the call that came back returned for a message.
    pub(super) fn push(&mut self, offset: Offset, outputs: Vec<Output>) {
        self.last.push_back((offset, outputs));
    }

    /// Gives away what was returned for a message.
    pub(super) fn take(&mut self, offset: Offset) -> Option<Vec<Output>> {
        self.take_last(offset).or_else(|| self.kept.remove(&offset))
    }

    /// Keeps what was returned for a message until there is another transaction.
    pub(super) fn keep(&mut self, offset: Offset) {
        if let Some(outputs) = self.take_last(offset) {
            self.kept.insert(offset, outputs);
        }
    }

    /// These messages are called for again.
    pub(super) fn forget(&mut self, messages: &[Attempt]) {
        for attempt in messages {
            self.kept.remove(&attempt.offset);
        }
    }

    /// The transaction was aborted, and all of it is called for again, which takes memory anew: nobody would get any while
    /// all kept theirs.
    pub(super) fn forget_kept(&mut self) {
        self.kept.clear();
    }

    /// The machine has said all that it has to say of the call that came back last. Gives back the call's memory, unless
    /// something is kept.
    pub(super) fn call_over(
        &mut self,
        memory: Option<OwnedSemaphorePermit>,
    ) -> Vec<OwnedSemaphorePermit> {
        self.last.clear();
        self.memory.extend(memory);
        self.unneeded_memory()
    }

    /// The memory of calls of which nothing is kept any more.
    pub(super) fn unneeded_memory(&mut self) -> Vec<OwnedSemaphorePermit> {
        match self.kept.is_empty() {
            true => std::mem::take(&mut self.memory),
            false => Vec::new(),
        }
    }

    /// The machine asks in the order of the call, for most of them if not for all.
    fn take_last(&mut self, offset: Offset) -> Option<Vec<Output>> {
        let at = self.last.iter().position(|(of, _)| *of == offset)?;
        self.last.remove(at).map(|(_, outputs)| outputs)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;

    #[test]
    fn memory_is_kept_as_long_as_an_output_is() {
        let memory = Arc::new(Semaphore::new(3));
        let mut returns = Returns::default();
        let call = |returns: &mut Returns, offset| {
            returns.push(offset, vec![Output::default()]);
            memory.clone().try_acquire_owned().ok()
        };
        let first = call(&mut returns, 1);
        returns.keep(1);
        assert!(returns.call_over(first).is_empty());
        let second = call(&mut returns, 2);
        assert!(returns.take(2).is_some());
        assert!(
            returns.call_over(second).is_empty(),
            "it may hold the first one's"
        );
        assert!(returns.take(1).is_some() && returns.take(1).is_none());
        assert_eq!(returns.unneeded_memory().len(), 2);
        let third = call(&mut returns, 3);
        assert_eq!((returns.call_over(third).len(), returns.take(3)), (1, None));
    }
}
