//! `--messages N`: so many messages through the handlers, and everything that came out compared with what must.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result, bail};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::{
    check,
    daemon::{Daemon, Line},
    kafka::{self, Writer},
    message::Placed,
    metrics::Figures,
    scene::{self, HANDLERS},
    stream::Stream,
};

/// How long handling may take, whatever the number of messages.
const LIMIT: Duration = Duration::from_secs(60);
/// Messages a second that are handled at the least, besides.
const SLOWEST: u32 = 200;
/// How long reading everything back may take.
const READ: Duration = Duration::from_secs(60);
/// The time between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(3);
/// Most differences that are printed.
const SHOWN: usize = 10;

/// The exit code of a program that was interrupted.
const INTERRUPTED: i32 = 130;

/// What the daemon warned of, the first lines.
type Warnings = Arc<Mutex<Vec<String>>>;

/// Runs it, and prints the verdict.
///
/// # Errors
/// Something is not as it must be; the differences are printed before.
pub fn run(pelton: &Path, log: PathBuf, messages: u32, seed: u64) -> Result<()> {
    let begun = Instant::now();
    let warnings = Warnings::default();
    let heard = warnings.clone();
    let signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("can't listen for signals")?;
    let daemon = Daemon::start(pelton, &scene::config(), log, move |line| {
        hear(&heard, &line)
    })?;
    end_together(signals, daemon.id());
    println!("daemon: started, with a broker on {}", daemon.bootstrap);
    let outcome = through(&daemon, messages, seed, begun);
    let outcome = match outcome {
        Ok(verdict) => daemon.stop().map(|()| verdict),
        Err(error) => {
            eprintln!("{}", daemon.tail());
            for warning in &*warnings.lock().unwrap_or_else(PoisonError::into_inner) {
                eprintln!("the daemon warned: {warning}");
            }
            Err(error)
        }
    };
    match outcome {
        Ok(verdict) => {
            println!(
                "PASSED: {verdict}, in {:.1} s",
                begun.elapsed().as_secs_f64()
            );
            Ok(())
        }
        Err(error) => {
            println!("FAILED: {messages} messages, seed {seed}");
            Err(error)
        }
    }
}

/// Ctrl-C reaches this program only, and ends nothing but it: the daemon goes first then.
fn end_together(mut signals: Signals, daemon: u32) {
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            // Whether this succeeds or not there is nothing left to do.
            let _ = Command::new("kill")
                .args(["-s", "KILL", &daemon.to_string()])
                .status();
            std::process::exit(INTERRUPTED);
        }
    });
}

/// Keeps what the daemon warns of, but for what is part of the play.
fn hear(warnings: &Warnings, line: &Line) {
    let expected = ["embedded broker", "dead-lettering message"];
    if !line.warns() || expected.iter().any(|start| line.message.starts_with(start)) {
        return;
    }
    let mut warnings = warnings.lock().unwrap_or_else(PoisonError::into_inner);
    if warnings.len() < SHOWN {
        warnings.push(line.to_string());
    }
}

fn through(daemon: &Daemon, messages: u32, seed: u64, begun: Instant) -> Result<String> {
    let inputs = produce(daemon, messages, seed)?;
    let at = |what: &str| println!("{:5.1} s  {what}", begun.elapsed().as_secs_f64());
    at(&format!("{} messages are in, seed {seed}", inputs.len()));
    let ends = Ends::of(&inputs);
    wait(daemon, &ends, messages, begun)?;
    at("all are handled and committed; reading back what came out");
    let outputs = kafka::read_all(&daemon.bootstrap, &scene::outputs(), READ)?;
    let read = kafka::read_all(&daemon.bootstrap, &scene::inputs(), READ)?;
    ensure_all_is_there(inputs, &read)?;
    // What was read and not what was meant to be written: the broker's places and times are the handlers' input.
    let differences = check::compare(&read, &outputs);
    if differences.is_empty() {
        let dead = outputs
            .iter()
            .filter(|o| o.message.topic.ends_with(".dead"));
        let dead = dead.count();
        return Ok(format!(
            "{messages} messages in, {} outputs and {dead} dead letters, each exactly once, as they must be and in order",
            outputs.len() - dead
        ));
    }
    for difference in differences.iter().take(SHOWN) {
        println!("  {difference}");
    }
    let expected = check::expected_outputs(&read);
    bail!(
        "{} differences ({} outputs, {expected} expected)",
        differences.len(),
        outputs.len()
    )
}

/// The broker has what was sent to it, neither more nor otherwise.
fn ensure_all_is_there(mut inputs: Vec<Placed>, read: &[Placed]) -> Result<()> {
    let mut read: Vec<&Placed> = read.iter().collect();
    let place = |placed: &Placed| {
        (
            placed.message.topic.clone(),
            placed.partition,
            placed.offset,
        )
    };
    inputs.sort_by_key(place);
    read.sort_by_key(|placed| place(placed));
    if read.len() != inputs.len() {
        bail!(
            "{} messages are in the input topics, {} were produced",
            read.len(),
            inputs.len()
        );
    }
    match inputs.iter().zip(read).find(|(sent, is)| sent != is) {
        Some((sent, is)) => bail!("the broker has not what was produced: {is:?}, not {sent:?}"),
        None => Ok(()),
    }
}

fn produce(daemon: &Daemon, messages: u32, seed: u64) -> Result<Vec<Placed>> {
    let mut writer = Writer::new(&daemon.bootstrap)?;
    let mut stream = Stream::new(seed);
    // The last of them is of about now.
    let start = now() - i64::from(messages);
    for _ in 0..messages {
        writer.send(stream.next(start))?;
    }
    writer.finish()
}

/// Milliseconds since the Unix epoch.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// The end of each input partition.
struct Ends(Vec<(&'static scene::Handler, Vec<i64>)>);

impl Ends {
    fn of(inputs: &[Placed]) -> Self {
        let end = |handler: &scene::Handler, partition: i32| {
            let own = |placed: &&Placed| {
                placed.message.topic == handler.input && placed.partition == partition
            };
            let next = inputs.iter().filter(own).map(|placed| placed.offset + 1);
            next.max().unwrap_or(0)
        };
        let ends = |handler| (0..scene::PARTITIONS).map(|p| end(handler, p)).collect();
        Self(
            HANDLERS
                .iter()
                .map(|handler| (handler, ends(handler)))
                .collect(),
        )
    }

    /// Messages that are not committed, as the broker knows it.
    fn left(&self, bootstrap: &str) -> Result<i64> {
        let mut left = 0;
        for (handler, ends) in &self.0 {
            let committed = kafka::committed(bootstrap, handler.group, handler.input)?;
            left += ends
                .iter()
                .zip(committed)
                .map(|(end, next)| end - next)
                .sum::<i64>();
        }
        Ok(left)
    }
}

/// Waits until every message is committed.
fn wait(daemon: &Daemon, ends: &Ends, messages: u32, begun: Instant) -> Result<()> {
    let limit = LIMIT + Duration::from_secs(u64::from(messages / SLOWEST));
    let (start, mut told) = (Instant::now(), Instant::now());
    loop {
        let left = ends.left(&daemon.bootstrap)?;
        if left == 0 {
            return Ok(());
        }
        if start.elapsed() > limit {
            bail!(
                "{left} messages are not committed after {} s",
                limit.as_secs()
            );
        }
        if told.elapsed() >= PROGRESS {
            told = Instant::now();
            let figures = Figures::of(&daemon.admin).unwrap_or_default();
            let lag = |handler: &scene::Handler| match figures.lag(handler.name) {
                Some(lag) => format!("{} lags by {lag}", handler.name),
                None => format!("{} joins its group", handler.name),
            };
            let lags: Vec<_> = HANDLERS.iter().map(lag).collect();
            let seconds = begun.elapsed().as_secs_f64();
            println!(
                "{seconds:5.1} s  {left} of {messages} not committed yet ({})",
                lags.join(", ")
            );
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
