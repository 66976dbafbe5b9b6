//! Drives a machine by hand. Content and its revision have the same number.

use std::{
    num::{NonZeroU32, NonZeroU64},
    time::Duration,
};

use pelton_revisions::{
    Command, Configuration, Digest, Event, Memory, Probation, Refusal, Revisions,
};
use pelton_types::RevisionId;

pub fn digest(n: u8) -> Digest {
    [n; 32]
}

pub fn revision(n: u8) -> RevisionId {
    RevisionId([n; 32])
}

pub fn configuration(n: u8) -> Configuration {
    [n; 32]
}

pub fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A minute, a hundred messages or two votes.
pub fn probation() -> Probation {
    Probation {
        time: seconds(60),
        messages: NonZeroU64::new(100),
        votes: NonZeroU32::new(2).unwrap(),
    }
}

pub struct Bench {
    pub machine: Revisions,
    pub now: Duration,
}

impl Bench {
    pub fn new(probation: Option<Probation>) -> Self {
        Self {
            machine: Revisions::new(configuration(0), probation),
            now: Duration::ZERO,
        }
    }

    pub fn event(&mut self, event: Event) -> Vec<Command> {
        let mut commands = Vec::new();
        self.machine.handle(self.now, event, &mut commands);
        commands
    }

    /// All of them; what the last one brought.
    pub fn events(&mut self, events: impl IntoIterator<Item = Event>) -> Vec<Command> {
        let mut last = Vec::new();
        for event in events {
            last = self.event(event);
        }
        last
    }

    /// The file gets this content, which is good.
    pub fn swap(&mut self, n: u8) -> Vec<Command> {
        self.events([changed(n), loaded(n), passed(n)])
    }

    /// A message falls back from one to the other.
    pub fn falls_back(&mut self, from: u8, to: u8, succeeded: bool) -> Vec<Command> {
        self.event(Event::FellBack {
            from: revision(from),
            to: revision(to),
            succeeded,
        })
    }

    pub fn running(&self) -> Option<u8> {
        self.machine.running().map(|revision| revision.0[0])
    }

    /// In order, each once.
    pub fn needed(&self) -> Vec<u8> {
        let mut needed: Vec<_> = self.machine.needed().map(|digest| digest[0]).collect();
        needed.sort_unstable();
        needed.dedup();
        needed
    }

    pub fn fallback(&self) -> Option<u8> {
        self.machine.fallback().map(|revision| revision.0[0])
    }
}

pub fn changed(n: u8) -> Event {
    Event::FileChanged { digest: digest(n) }
}

/// The configuration is another one from here on.
pub fn configured(n: u8) -> Event {
    Event::Configured {
        configuration: configuration(n),
        probation: Some(probation()),
    }
}

/// Content is loaded, and with this configuration it is that revision.
pub fn loaded_as(content: u8, n: u8) -> Event {
    Event::Loaded {
        digest: digest(content),
        revision: revision(n),
    }
}

pub fn loaded(n: u8) -> Event {
    Event::Loaded {
        digest: digest(n),
        revision: revision(n),
    }
}

pub fn passed(n: u8) -> Event {
    Event::TrialPassed {
        revision: revision(n),
    }
}

pub fn failed(n: u8) -> Event {
    Event::TrialFailed {
        revision: revision(n),
        why: "set-up".into(),
    }
}

pub fn not_loaded(n: u8) -> Event {
    Event::Refused {
        digest: digest(n),
        why: "truncated".into(),
    }
}

pub fn load(n: u8) -> Command {
    Command::Load { digest: digest(n) }
}

pub fn trial(n: u8) -> Command {
    Command::Trial {
        revision: revision(n),
    }
}

pub fn swap(to: u8, from: Option<u8>) -> Command {
    Command::Swap {
        to: revision(to),
        from: from.map(revision),
    }
}

pub fn retire(n: u8) -> Command {
    Command::Retire {
        revision: revision(n),
    }
}

pub fn refuse(n: u8, why: &str) -> Command {
    Command::Refuse(Refusal {
        digest: digest(n),
        why: why.into(),
    })
}

pub fn good(n: u8) -> Memory {
    Memory {
        good: Some(digest(n)),
        configuration: Some(configuration(0)),
        rolled_back: None,
    }
}

pub fn remember_good(n: u8) -> Command {
    Command::Remember(good(n))
}
