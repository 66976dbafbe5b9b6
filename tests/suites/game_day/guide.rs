//! The operator's guide, read as a test: an entry says where a trouble is told, and by which commands it ends.

#[path = "guide/condition.rs"]
mod condition;
#[path = "guide/loud.rs"]
mod loud;
#[path = "guide/place.rs"]
mod place;
#[path = "guide/remedy.rs"]
mod remedy;
#[path = "guide/rule.rs"]
mod rule;

use std::{collections::BTreeMap, fs, path::PathBuf, time::Instant};

use anyhow::{Context, Result, ensure};
use pelton_harness::{Prometheus, Stage, TestDaemon, command::words, paths, wait};

pub use self::remedy::shell;
use self::{
    condition::Condition,
    place::{Place, Whose},
    rule::Rule,
};
use crate::{LIMIT, TOLD};

/// An entry of the section "When …", with what its capitals stand for filled in.
pub struct Entry {
    title: String,
    /// The handler that it is about.
    handler: String,
    /// Each row of its table: where, and what stands there, in backquotes.
    seen: Vec<(Place, Vec<String>)>,
    /// The commands of its remedy.
    remedy: Vec<Vec<String>>,
    begun: Instant,
    /// How many loud lines the logs of daemons had when it began, by their folders.
    loud_before: BTreeMap<PathBuf, usize>,
}

impl Entry {
    /// Reads it. What stands in capitals is filled in from `meant`.
    pub fn read(title: &str, stage: &Stage, meant: &[(&str, &str)]) -> Result<Self> {
        let guide = fs::read_to_string(paths::repository().join("docs/operating.md"))?;
        let (_, from) = guide
            .split_once(&format!("\n### {title}\n"))
            .with_context(|| format!("docs/operating.md has no entry {title:?}"))?;
        let end = from.find("\n#").unwrap_or(from.len());
        let mut text = from[..end].to_owned();
        for (name, value) in meant {
            ensure!(text.contains(name), "{title}: the entry names no {name}");
            text = text.replace(name, value);
        }
        let rows = text.lines().filter_map(|line| line.strip_prefix("| "));
        let rows = rows.filter_map(row);
        let seen: Result<_> = rows
            .map(|(place, spans)| Ok((Place::read(&place)?, spans)))
            .collect();
        let entry = Self {
            title: title.to_owned(),
            handler: stage.handler.clone(),
            seen: seen.with_context(|| title.to_owned())?,
            remedy: remedy::commands(&text),
            begun: Instant::now(),
            loud_before: BTreeMap::new(),
        };
        entry.is_whole()?;
        Ok(entry)
    }

    /// It says where operators look: in status, in an alert that waits as long as the entry says, and in the log.
    fn is_whole(&self) -> Result<()> {
        let (mut status, mut alert, mut log) = (false, false, false);
        for (place, spans) in &self.seen {
            match place {
                Place::Status => status = true,
                Place::Ready | Place::Metric => {}
                Place::Log(..) => log = true,
                Place::Alert(after) => {
                    alert = true;
                    for name in spans {
                        let waits = Rule::named(name)?.waits;
                        ensure!(waits == *after, "{name} fires after {waits:?}");
                    }
                }
            }
        }
        ensure!(status && alert && log, "{}: a row is missing", self.title);
        Ok(())
    }

    /// What this daemon is troubled by from its start on is judged from here on.
    pub fn begins_with(&self, daemon: &TestDaemon) -> Result<()> {
        Prometheus::shared().watch(daemon.admin())
    }

    /// The daemon works, and nothing is told yet.
    pub fn is_to_come(&mut self, daemon: &TestDaemon) -> Result<()> {
        self.is_to_come_by(daemon, daemon)
    }

    /// The same, where another one of the group looks on.
    pub fn is_to_come_by(&mut self, daemon: &TestDaemon, another: &TestDaemon) -> Result<()> {
        self.begins_with(daemon)?;
        let (admin, prometheus) = (daemon.admin(), Prometheus::shared());
        let works = format!("pelton_handler_state{{instance=\"{admin}\",state=\"running\"}} == 1");
        let mut told = Vec::new();
        wait::until_true(
            &format!("{:?} not to be told yet", self.title),
            LIMIT,
            || {
                // What is scraped with this has every counter's zero too.
                let works = !prometheus.query(&works)?.is_empty();
                told = self.rows(daemon, another, true)?;
                Ok(works && told.is_empty())
            },
        )
        .with_context(|| format!("told: {told:#?}"))?;
        let loud = [daemon, another].map(|one| (one.folder().to_owned(), loud::lines(one).len()));
        self.loud_before.extend(loud);
        self.begun = Instant::now();
        Ok(())
    }

    /// Waits until the trouble is told wherever the entry says, for half a minute at the most.
    pub fn is_told(&self, daemon: &TestDaemon) -> Result<()> {
        self.is_told_by(daemon, daemon)
    }

    /// The same, where another one of the group tells it too.
    pub fn is_told_by(&self, daemon: &TestDaemon, another: &TestDaemon) -> Result<()> {
        let mut missing = Vec::new();
        let begun = Instant::now();
        wait::until_true(&format!("{:?} to be told", self.title), TOLD, || {
            missing = self.rows(daemon, another, false)?;
            Ok(missing.is_empty())
        })
        .with_context(|| format!("not told: {missing:#?}"))?;
        println!("{}: told after {:?}", self.title, begun.elapsed());
        Ok(())
    }

    /// Waits until nobody speaks of it any more, but for those who tell of what has been.
    pub fn is_over(&self, daemon: &TestDaemon) -> Result<()> {
        let mut told = Vec::new();
        wait::until_true(&format!("{:?} to be over", self.title), LIMIT, || {
            let ready = daemon.get("/readyz");
            told = self.rows_of(daemon, daemon, true, |place, span| {
                Ok(match place {
                    Place::Status | Place::Ready => true,
                    Place::Metric => !Condition::read(span)?.lasts(),
                    Place::Alert(_) => !Rule::named(span)?.looks_back,
                    Place::Log(..) => false,
                })
            })?;
            Ok(told.is_empty() && ready.is_ok_and(|answer| answer.status == 200))
        })
        .with_context(|| format!("told: {told:#?}"))
    }

    /// Nothing of it was told more often than the entry says, and nothing else more than a few times.
    pub fn is_told_no_more_than_that(&self, daemon: &TestDaemon) -> Result<()> {
        self.is_told_no_more_than_that_by(daemon, daemon)
    }

    /// The same of both.
    pub fn is_told_no_more_than_that_by(
        &self,
        daemon: &TestDaemon,
        another: &TestDaemon,
    ) -> Result<()> {
        let title = &self.title;
        for (place, spans) in &self.seen {
            let Place::Log(whose, often) = place else {
                continue;
            };
            let most = often.most(self.begun.elapsed());
            for span in spans {
                let lines = whose.of(daemon, another).log_lines(span);
                let (some, times) = (&lines[..lines.len().min(5)], lines.len());
                ensure!(
                    (1..=most).contains(&times),
                    "{title}: the log says {span:?} {times} times: {some:#?}"
                );
            }
        }
        for one in [daemon, another] {
            let before = self.loud_before.get(one.folder()).copied();
            let lines = loud::lines(one).split_off(before.unwrap_or(0));
            let floods = loud::floods(&lines, self.begun.elapsed(), |line| {
                let logs = self
                    .seen
                    .iter()
                    .filter(|row| matches!(row.0, Place::Log(..)));
                logs.flat_map(|row| &row.1).any(|span| line.contains(span))
            });
            ensure!(floods.is_empty(), "{title}: the log is full of {floods:#?}");
        }
        Ok(())
    }

    /// The rows that can be seen, or those that can't, but for what is to be looked for afterwards.
    fn rows(&self, daemon: &TestDaemon, another: &TestDaemon, seen: bool) -> Result<Vec<String>> {
        self.rows_of(daemon, another, seen, |place, _| {
            Ok(!matches!(place, Place::Log(Whose::ItsAfterwards, _)))
        })
    }

    fn rows_of(
        &self,
        daemon: &TestDaemon,
        another: &TestDaemon,
        wanted: bool,
        counts: impl Fn(&Place, &str) -> Result<bool>,
    ) -> Result<Vec<String>> {
        let (_, status) = words(daemon.folder(), &["status"])?;
        let mut found = Vec::new();
        for (place, span) in self.spans() {
            let seen = match place {
                Place::Status => status.contains(span),
                Place::Ready => daemon
                    .get("/readyz")
                    .is_ok_and(|answer| answer.status == 503 && answer.body.contains(span)),
                Place::Metric => Condition::read(span)?.is_met(daemon),
                Place::Alert(_) => rule::holds(span, daemon.admin(), &self.handler)?,
                Place::Log(whose, _) => whose.of(daemon, another).log_count(span) > 0,
            };
            if seen == wanted && counts(place, span)? {
                found.push(format!("{place:?}: {span}"));
            }
        }
        if !found.is_empty() {
            found.push(status);
        }
        Ok(found)
    }

    fn spans(&self) -> impl Iterator<Item = (&Place, &str)> {
        let rows = self.seen.iter();
        rows.flat_map(|(place, spans)| spans.iter().map(move |span| (place, span.as_str())))
    }
}

impl Whose {
    fn of<'d>(self, daemon: &'d TestDaemon, another: &'d TestDaemon) -> &'d TestDaemon {
        match self {
            Self::Its | Self::ItsAfterwards => daemon,
            Self::Others => another,
        }
    }
}

/// A row of the table, unless it is its head.
fn row(line: &str) -> Option<(String, Vec<String>)> {
    let (place, seen) = line.strip_suffix(" |")?.split_once(" | ")?;
    // Every second piece stands in backquotes.
    let spans = seen.split('`').skip(1).step_by(2).map(str::to_owned);
    let spans: Vec<_> = spans.collect();
    (!spans.is_empty()).then(|| (place.to_owned(), spans))
}

#[test]
fn a_row_is_read_as_it_stands() {
    assert_eq!(row("where | what you see |"), None);
    let read = row("log, once | `one` and `two` |");
    let spans = ["one", "two"].map(str::to_owned).to_vec();
    assert_eq!(read, Some(("log, once".to_owned(), spans)));
}
