//! How many instances are alive, all handlers together, and which of them wait for their next call.
//!
//! Invariants:
//! - At most `slots` instances exist, so that the pooling allocator never runs out.
//! - Who holds a permit gets an instance: of `slots` instances those in use are fewer than `slots` while a
//!   permit is free, so one of the others is idle and gives way. The one idle for longest goes first.
//! - Permits are given out in the order of asking; a handler that waits is served.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The instances of an engine. `I` is an idle instance, which holds its [`Place`].
#[derive(Debug)]
pub(crate) struct Slots<I> {
    permits: Arc<Semaphore>,
    pool: Mutex<Pool<I>>,
    count: Arc<Mutex<u32>>,
    slots: u32,
}

#[derive(Debug)]
struct Pool<I> {
    /// Idle instances by revision, those used last at the end, each with the time it became idle.
    idle: HashMap<u64, Vec<(u64, I)>>,
    clock: u64,
    next_key: u64,
}

/// The right to have one instance at work.
#[derive(Debug)]
pub(crate) struct Permit(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

/// The place of one living instance. Drop it after the instance.
#[derive(Debug)]
pub(crate) struct Place(Arc<Mutex<u32>>);

/// What [`Slots::take`] found.
#[derive(Debug)]
pub(crate) enum Taken<I> {
    /// An instance that has been used before.
    Idle(I),
    /// Room for a new one.
    Room(Place),
    /// An instance of another revision, or a used one where a fresh one is wanted: drop it and try again.
    GivesWay(I),
}

impl<I> Slots<I> {
    pub(crate) fn new(slots: u32) -> Self {
        let permits = usize::try_from(slots).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            permits: Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS))),
            pool: Mutex::new(Pool {
                idle: HashMap::new(),
                clock: 0,
                next_key: 0,
            }),
            count: Arc::new(Mutex::new(0)),
            slots,
        }
    }

    /// A key for the instances of one more revision.
    pub(crate) fn new_key(&self) -> u64 {
        let mut pool = self.pool.lock();
        pool.next_key += 1;
        pool.next_key
    }

    /// Waits for the right to use an instance.
    pub(crate) async fn permit(&self) -> Option<Permit> {
        // It fails only when the semaphore is closed, and nobody closes it.
        self.permits.clone().acquire_owned().await.ok().map(Permit)
    }

    /// Takes an instance of this revision, or room for one.
    pub(crate) fn take(&self, _permit: &Permit, key: u64, fresh: bool) -> Option<Taken<I>> {
        let mut pool = self.pool.lock();
        if !fresh && let Some((_, instance)) = pool.idle.get_mut(&key).and_then(Vec::pop) {
            return Some(Taken::Idle(instance));
        }
        if let Some(place) = self.place() {
            return Some(Taken::Room(place));
        }
        let oldest = pool
            .idle
            .iter()
            .filter_map(|(key, instances)| instances.first().map(|(since, _)| (*since, *key)))
            .min();
        let (_, oldest) = oldest?;
        let instances = pool.idle.get_mut(&oldest)?;
        Some(Taken::GivesWay(instances.remove(0).1))
    }

    /// Keeps an instance for its next call. To be called before its permit is dropped.
    pub(crate) fn keep(&self, _permit: &Permit, key: u64, instance: I) {
        let mut pool = self.pool.lock();
        pool.clock += 1;
        let now = pool.clock;
        pool.idle.entry(key).or_default().push((now, instance));
    }

    /// Drops the idle instances of a revision that is gone.
    pub(crate) fn forget(&self, key: u64) {
        let gone = self.pool.lock().idle.remove(&key);
        // Dropping an instance takes a while: not under the lock.
        drop(gone);
    }

    /// How many instances there are, at work or idle.
    pub(crate) fn alive(&self) -> u32 {
        *self.count.lock()
    }

    /// How many instances are idle.
    #[cfg(test)]
    fn idle(&self) -> usize {
        self.pool.lock().idle.values().map(Vec::len).sum()
    }

    fn place(&self) -> Option<Place> {
        let mut count = self.count.lock();
        (*count < self.slots).then(|| {
            *count += 1;
            Place(self.count.clone())
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut count = self.0.lock();
        *count = count.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_longest_idle_instance_gives_way() {
        let slots = Slots::new(2);
        let (one, two) = (slots.new_key(), slots.new_key());
        let first = slots.permit().await.unwrap();
        let second = slots.permit().await.unwrap();
        let Some(Taken::Room(a)) = slots.take(&first, one, false) else {
            panic!()
        };
        let Some(Taken::Room(b)) = slots.take(&second, one, false) else {
            panic!()
        };
        slots.keep(&first, one, ("a", a));
        slots.keep(&second, one, ("b", b));
        let Some(Taken::GivesWay(("a", place))) = slots.take(&first, two, false) else {
            panic!()
        };
        drop(place);
        let Some(Taken::Room(_place)) = slots.take(&first, two, false) else {
            panic!()
        };
        let Some(Taken::Idle(("b", place))) = slots.take(&second, one, false) else {
            panic!()
        };
        slots.keep(&second, one, ("b", place));
        assert_eq!(slots.idle(), 1);
        slots.forget(one);
        assert_eq!(slots.idle(), 0);
    }

    #[tokio::test]
    async fn a_fresh_instance_is_not_a_used_one() {
        let slots = Slots::new(1);
        let key = slots.new_key();
        let permit = slots.permit().await.unwrap();
        let Some(Taken::Room(place)) = slots.take(&permit, key, true) else {
            panic!()
        };
        slots.keep(&permit, key, place);
        let Some(Taken::GivesWay(place)) = slots.take(&permit, key, true) else {
            panic!()
        };
        drop(place);
        assert!(matches!(
            slots.take(&permit, key, true),
            Some(Taken::Room(_))
        ));
    }
}
