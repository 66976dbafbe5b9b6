//! The threads that tell the loop what happens. Each ends when nobody listens any more.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::SyncSender,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rand::{Rng, SeedableRng, rngs::StdRng};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use super::Event;
use crate::{
    kafka::{Reader, Writer},
    metrics::Figures,
    scene,
    stream::Stream,
    verify::now,
};

/// The time between two questions for figures.
const ASK: Duration = Duration::from_millis(500);

/// Tells of signals that mean: stop.
pub(super) fn signals(tell: SyncSender<Event>) -> Result<()> {
    let mut signals =
        Signals::new([SIGINT, SIGTERM, SIGHUP]).context("can't listen for signals")?;
    thread::spawn(move || {
        for _ in signals.forever() {
            if tell.send(Event::Stop).is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// Tells the daemon's figures.
pub(super) fn figures(tell: SyncSender<Event>, admin: String) {
    thread::spawn(move || {
        // A daemon that doesn't answer is noticed by its end.
        while Figures::of(&admin).map_or(true, |figures| tell.send(Event::Figures(figures)).is_ok())
        {
            thread::sleep(ASK);
        }
    });
}

/// Tells every message on every topic.
pub(super) fn reader(tell: SyncSender<Event>, bootstrap: String) {
    thread::spawn(move || {
        let topics = [scene::inputs(), scene::outputs()].concat();
        let reader = match Reader::new(&bootstrap, &topics) {
            Ok(reader) => reader,
            Err(error) => return drop(tell.send(Event::Trouble(format!("{error:#}")))),
        };
        loop {
            let event = match reader.next(Duration::from_secs(1)) {
                Ok(None) => continue,
                Ok(Some(message)) => Event::Seen(message),
                Err(error) => {
                    thread::sleep(ASK);
                    Event::Trouble(format!("{error:#}"))
                }
            };
            if tell.send(event).is_err() {
                return;
            }
        }
    });
}

/// The thread that produces.
pub(super) struct Producer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Producer {
    /// Produces no more.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether everything that it produced is acknowledged.
    pub(super) fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }
}

/// Produces the stream of a seed, so many messages a second, as unevenly as life is.
pub(super) fn producer(
    tell: SyncSender<Event>,
    bootstrap: String,
    seed: u64,
    rate: u32,
) -> Producer {
    let stop = Arc::new(AtomicBool::new(false));
    let told = stop.clone();
    let thread = thread::spawn(move || {
        if let Err(error) = produce(&bootstrap, seed, rate, &told) {
            // The loop has ended where this can't be sent.
            let _ = tell.send(Event::Trouble(format!("{error:#}")));
        }
    });
    Producer { stop, thread }
}

fn produce(bootstrap: &str, seed: u64, rate: u32, stop: &AtomicBool) -> Result<()> {
    let mut writer = Writer::new(bootstrap)?;
    let mut stream = Stream::new(seed);
    let mut random = StdRng::seed_from_u64(seed);
    let usual = Duration::from_secs(1) / rate.max(1);
    let mut due = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        writer.send(stream.next(now()))?;
        due += usual.mul_f64(random.random_range(0.2..1.8));
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    writer.finish().map(drop)
}
