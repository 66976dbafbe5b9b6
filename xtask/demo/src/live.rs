//! The demonstration proper: a stream that goes on until Ctrl-C, shown as it happens.
//!
//! Threads of their own produce, read, ask for figures, watch sources and follow the daemon's log; each tells this
//! loop, which alone writes to the screen.

mod threads;

use std::{
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{
    daemon::{Daemon, Line},
    join,
    message::Placed,
    metrics::Figures,
    rebuild::{self, Built, Examples},
    scene::{self, HANDLERS},
    screen::{Counts, Ink, Screen},
    story::{Story, Told},
};

/// Things told that wait for this loop, at most.
const QUEUE: usize = 1_000;
/// The time between two looks at what can be shown.
const TICK: Duration = Duration::from_millis(50);
/// The time between two status blocks.
const STATUS: Duration = Duration::from_secs(6);
/// How long handlers may take to join their groups before the stream begins all the same.
const JOIN: Duration = Duration::from_secs(15);
/// How long the messages that are in may take to come out before the daemon is told to stop.
const SETTLE: Duration = Duration::from_secs(3);
/// How long a stop may take: longer than the daemon's own limit.
const STOP: Duration = Duration::from_secs(40);

/// What the threads tell.
enum Event {
    /// A message was read.
    Seen(Placed),
    /// The daemon logged a line.
    Logged(Line),
    /// An example was built again.
    Built(Built),
    /// The daemon's figures.
    Figures(Figures),
    /// A thread has trouble of its own.
    Trouble(String),
    /// Ctrl-C, SIGTERM, or the terminal is gone.
    Stop,
}

/// What is shown, and how far it has come.
struct Live {
    screen: Screen,
    daemon: Daemon,
    events: Receiver<Event>,
    story: Story,
    counts: Counts,
    figures: Figures,
    shown: Instant,
    stopping: Option<Instant>,
}

/// Runs it until it is told to stop.
///
/// # Errors
/// The daemon can't be started, or ends by itself, or does not end cleanly.
pub fn run(pelton: &Path, log: PathBuf, examples: Examples, seed: u64, rate: u32) -> Result<()> {
    let (tell, events) = sync_channel(QUEUE);
    threads::signals(tell.clone())?;
    let logged = tell.clone();
    let each = move |line| drop(logged.send(Event::Logged(line)));
    let daemon = Daemon::start(pelton, &scene::config(), log, each)?;
    let (bootstrap, admin) = (daemon.bootstrap.clone(), daemon.admin.clone());
    let now = Instant::now();
    let mut live = Live {
        screen: Screen::new(),
        daemon,
        events,
        story: Story::default(),
        counts: Counts::default(),
        figures: Figures::default(),
        shown: now,
        stopping: None,
    };
    live.introduce();
    let told = tell.clone();
    let _watch = examples.watch(move |built| drop(told.send(Event::Built(built))))?;
    threads::figures(tell.clone(), admin);
    threads::reader(tell.clone(), bootstrap.clone());
    live.wait_for_groups()?;
    let producer = threads::producer(tell, bootstrap, seed, rate);
    let status = live.follow(&producer)?;
    live.conclude(status)
}

impl Live {
    fn introduce(&self) {
        let screen = &self.screen;
        screen.say(Ink::Plain, "");
        for (name, value) in [
            ("broker", self.daemon.bootstrap.clone()),
            ("metrics", format!("http://{}/metrics", self.daemon.admin)),
            ("topics in", scene::inputs().join(" ")),
            ("topics out", scene::outputs().join(" ")),
            ("log", self.daemon.log().display().to_string()),
        ] {
            screen.line(&[(Ink::Bold, &format!("{name:<11}")), (Ink::Plain, &value)]);
        }
        screen.say(Ink::Plain, "");
        screen.say(Ink::Bold, "Join in from another terminal:");
        for join::Way { what, command } in join::ways(&self.daemon.bootstrap) {
            screen.say(Ink::Dim, &format!("# {what}"));
            screen.say(Ink::Plain, &command);
        }
        screen.say(Ink::Plain, "");
        let edit = rebuild::source_to_edit().display();
        screen.say(
            Ink::Bold,
            &format!("Edit {edit} and watch it being swapped in."),
        );
        screen.say(
            Ink::Plain,
            "Ctrl-C ends it. Below each message stands what was made of it: only what is new.",
        );
        screen.say(Ink::Plain, "");
    }

    /// Waits until every handler has partitions, so that the first messages are handled at once.
    fn wait_for_groups(&mut self) -> Result<()> {
        self.screen
            .event(Ink::Plain, "the handlers join their groups (about 3 s)");
        let deadline = Instant::now() + JOIN;
        let joined = |figures: &Figures| HANDLERS.iter().all(|h| figures.lag(h.name).is_some());
        while Instant::now() < deadline && self.stopping.is_none() && !joined(&self.figures) {
            self.step()?;
        }
        Ok(())
    }

    /// Shows what happens until the daemon has ended.
    fn follow(&mut self, producer: &threads::Producer) -> Result<ExitStatus> {
        let mut told = false;
        loop {
            self.step()?;
            if let Some(status) = self.daemon.ended()? {
                if self.stopping.is_none() {
                    bail!(
                        "the daemon ended by itself ({status})\n{}",
                        self.daemon.tail()
                    );
                }
                return Ok(status);
            }
            let Some(since) = self.stopping else {
                if self.shown.elapsed() >= STATUS {
                    self.shown = Instant::now();
                    self.screen.status(self.counts, &self.figures);
                }
                continue;
            };
            producer.stop();
            // The broker ends with the daemon: what is in should be shown before.
            let settled = producer.has_ended() && self.story.is_told();
            if !told && (settled || since.elapsed() > SETTLE) {
                told = true;
                self.daemon.tell_to_stop()?;
            }
            if since.elapsed() > STOP {
                bail!(
                    "the daemon did not stop in {} s\n{}",
                    STOP.as_secs(),
                    self.daemon.tail()
                );
            }
        }
    }

    /// Takes in what the threads tell within a tick, and shows what can be told.
    fn step(&mut self) -> Result<()> {
        let until = Instant::now() + TICK;
        loop {
            match self
                .events
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(event) => self.take(event)?,
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("every thread of the demonstration has ended")
                }
            }
        }
        self.tell(false);
        if self.screen.is_gone() && self.stopping.is_none() {
            self.stopping = Some(Instant::now());
        }
        Ok(())
    }

    fn tell(&mut self, end: bool) {
        for told in self.story.tell(Instant::now(), end) {
            let (inputs, outcomes) = match &told {
                Told::Input { outcomes, .. } => (1, outcomes.as_slice()),
                Told::Late { outcome, .. } | Told::Stray(outcome) => {
                    (0, std::slice::from_ref(outcome))
                }
            };
            self.counts.inputs += inputs;
            for outcome in outcomes {
                match outcome.message.topic.ends_with(".dead") {
                    true => self.counts.dead += 1,
                    false => self.counts.outputs += 1,
                }
            }
            self.screen.told(&told);
        }
    }

    fn take(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Seen(message) => self.story.seen(message, Instant::now()),
            Event::Logged(line) => self.logged(&line),
            Event::Built(built) => self.built(built),
            Event::Figures(figures) => {
                for ((_, topic, partition), own) in &figures.partitions {
                    self.story
                        .committed(topic, *partition, own.committed, Instant::now());
                }
                self.figures = figures;
            }
            // The broker ends with the daemon; what then fails is no news.
            Event::Trouble(what) if self.stopping.is_none() => self.screen.event(Ink::Red, &what),
            Event::Trouble(_) => {}
            Event::Stop if self.stopping.is_some() => bail!("told to end at once"),
            Event::Stop => {
                self.stopping = Some(Instant::now());
                self.screen
                    .event(Ink::Yellow, "stopping; Ctrl-C once more ends at once");
            }
        }
        Ok(())
    }

    /// Shows the lines of the daemon's log that tell something new. Dead letters are shown with their message.
    fn logged(&self, line: &Line) {
        let handler = line.handler.as_deref().unwrap_or("pelton");
        let field = |name: &str| line.field(name).unwrap_or_default();
        match line.message.as_str() {
            "revision runs" => {
                self.screen.event(
                    Ink::Plain,
                    &format!("{handler}: revision {} runs", field("revision")),
                );
            }
            "revision swapped in" => {
                let (to, from) = (field("revision"), field("before"));
                let text =
                    format!("{handler}: revision {to} SWAPPED IN for {from}, without a restart");
                self.screen.event(Ink::Yellow, &text);
            }
            "partitions assigned" | "partitions revoked" => {
                let what = line.message.trim_start_matches("partitions ");
                let text = format!("{handler}: {what} {}", field("partitions"));
                self.screen.event(Ink::Plain, &text);
            }
            "stopped: everything begun is finished and committed" => {
                self.screen.event(Ink::Plain, &line.to_string());
            }
            "dead-lettering message" => {}
            text if text.starts_with("embedded broker") => {}
            _ if line.is_guests() => {
                let at = format!(
                    "{}/{}@{}",
                    field("topic"),
                    field("partition"),
                    field("offset")
                );
                self.screen.event(
                    Ink::Dim,
                    &format!("{handler} says at {at}: {}", line.message),
                );
            }
            _ if line.warns() => {
                let ink = if line.level == "ERROR" {
                    Ink::Red
                } else {
                    Ink::Yellow
                };
                self.screen.event(ink, &line.to_string());
            }
            _ => {}
        }
    }

    fn built(&self, built: Built) {
        let (ink, text) = match built {
            Built::Begun { handler } => {
                (Ink::Yellow, format!("{handler}: source changed, building"))
            }
            Built::Replaced { handler, took } => (
                Ink::Yellow,
                format!(
                    "{handler}: built in {:.1} s; the file is replaced",
                    took.as_secs_f64()
                ),
            ),
            Built::Same { handler } => (
                Ink::Plain,
                format!("{handler}: built; the component is the same"),
            ),
            Built::Failed { handler, lines } => {
                self.screen.event(
                    Ink::Red,
                    &format!("{handler}: DOES NOT BUILD; the revision before goes on"),
                );
                for line in &lines {
                    self.screen
                        .line(&[(Ink::Red, "         | "), (Ink::Plain, line)]);
                }
                return;
            }
        };
        self.screen.event(ink, &text);
    }

    fn conclude(mut self, status: ExitStatus) -> Result<()> {
        while let Ok(event) = self.events.try_recv() {
            self.take(event)?;
        }
        self.tell(true);
        self.daemon.judge(status)?;
        self.screen
            .say(Ink::Plain, &format!("{} in all.", self.counts));
        let verdict = "The daemon finished what it had begun, committed it, and ended cleanly.";
        self.screen.say(Ink::Green, verdict);
        Ok(())
    }
}
