//! A held request's way: it waits, it is due, it is sent, it is over. Nothing goes back on it.

use std::time::Duration;

use super::{frame::Request, record::Injection, rule::Release};

/// Names a held request.
pub(super) type HeldId = usize;

/// How far a held request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Waiting,
    Due,
    /// When, since the proxy's start.
    Sent(Duration),
    /// It was answered, or its connection has ended.
    Over,
}

#[derive(Debug)]
pub(super) struct Held {
    pub(super) injection: Injection,
    /// What it waits for; counts are those that are left.
    pub(super) release: Release,
    pub(super) stage: Stage,
}

/// What happens to another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Seen,
    Answered,
}

/// Counts what happened to a request for each held one that waits for it, and names those that are due by that.
pub(super) fn strike(all: &mut [Held], moment: Moment, request: &Request) -> Vec<HeldId> {
    let mut struck = Vec::new();
    for (id, held) in all.iter_mut().enumerate() {
        let (api, count) = match (&mut held.release, moment) {
            (Release::WhenSeen { api, count }, Moment::Seen) => (api, count),
            (Release::AfterAnswered { api, count }, Moment::Answered) => (api, count),
            _ => continue,
        };
        let own = held.injection.client == request.client;
        if held.stage != Stage::Waiting || !own || *api != request.api {
            continue;
        }
        *count = count.saturating_sub(1);
        if *count == 0 {
            held.stage = Stage::Due;
            struck.push(id);
        }
    }
    struck
}
