//! Time and chance that are the same each time a message is delivered.
//!
//! The wall clock stands at the message's timestamp, the monotonic clock at zero, and random numbers follow
//! from the message's place. A guest that waits for a clock to move waits for its time limit; one that asks
//! the host to wake it is woken.

use std::time::Duration;

use pelton_types::Message;
use sha2::{Digest, Sha256};
use wasmtime_wasi::{Deterministic, HostMonotonicClock, HostWallClock, WasiCtxBuilder};

/// The wall clock where no message says when it was written: 2026-01-01T00:00:00Z.
const NEW_YEAR: Duration = Duration::from_secs(1_767_225_600);
/// Blocks of 32 random bytes, after which they come again: more than a handler of one message uses.
const BLOCKS: u8 = 64;

/// What an instance's clocks show and its random numbers are made of.
#[derive(Debug)]
pub(crate) struct Frozen {
    now: Moment,
    /// Of the call under way, by position.
    moments: Vec<Moment>,
}

#[derive(Clone, Debug)]
struct Moment {
    now: Duration,
    seed: [u8; 32],
}

impl Frozen {
    /// As instantiation and set-up see it.
    pub(crate) fn before_any_message() -> Self {
        let now = Moment {
            now: NEW_YEAR,
            seed: Sha256::digest(b"no message").into(),
        };
        Self {
            now,
            moments: Vec::new(),
        }
    }

    /// A call with these messages begins.
    pub(crate) fn open(&mut self, messages: &[(&Message, u32)]) {
        self.moments.clear();
        self.moments
            .extend(messages.iter().map(|(message, _)| Moment::of(message)));
    }

    /// The message at this position begins.
    pub(crate) fn begin(&mut self, position: usize) {
        if let Some(moment) = self.moments.get(position) {
            self.now = moment.clone();
        }
    }

    /// Makes a context's clocks and random numbers those of the message.
    pub(crate) fn apply(&self, builder: &mut WasiCtxBuilder) {
        let Moment { now, seed } = &self.now;
        let mut insecure_seed = [0; 16];
        insecure_seed.copy_from_slice(&seed[..16]);
        builder
            .wall_clock(Stopped(*now))
            .monotonic_clock(Stopped(Duration::ZERO))
            .secure_random(numbers(seed, b"secure"))
            .insecure_random(numbers(seed, b"insecure"))
            .insecure_random_seed(u128::from_le_bytes(insecure_seed));
    }
}

impl Moment {
    fn of(message: &Message) -> Self {
        let millis = message.timestamp.millis();
        let now = millis.and_then(|millis| u64::try_from(millis).ok());
        Self {
            now: now.map_or(NEW_YEAR, Duration::from_millis),
            seed: Sha256::digest(message.id().to_string()).into(),
        }
    }
}

fn numbers(seed: &[u8; 32], purpose: &[u8]) -> Deterministic {
    let blocks = (0..BLOCKS).flat_map(|block| {
        let hash = Sha256::new().chain_update(seed).chain_update(purpose);
        hash.chain_update([block]).finalize()
    });
    Deterministic::new(blocks.collect())
}

/// A clock that doesn't go.
struct Stopped(Duration);

impl HostWallClock for Stopped {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        self.0
    }
}

impl HostMonotonicClock for Stopped {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }
}
