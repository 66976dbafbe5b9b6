//! The operator's guide, read as a test: an entry says where a trouble is told, and by which commands it ends.

use std::{fs, path::Path, time::Instant};

use anyhow::{Context, Result, bail, ensure};
use pelton_harness::{TestDaemon, command::words, paths, wait};

use crate::{LIMIT, TOLD};

/// An entry of the section "When …", with what its capitals stand for filled in.
pub struct Entry {
    title: String,
    /// Each row of its table: where, and what stands there, in backquotes.
    seen: Vec<(String, Vec<String>)>,
    /// The commands of its remedy.
    remedy: Vec<Vec<String>>,
    alerts: String,
}

/// `SERIES > NUMBER` or `SERIES == NUMBER`.
struct Condition<'t> {
    metric: &'t str,
    labels: Vec<&'t str>,
    holds: fn(&f64, &f64) -> bool,
    value: f64,
}

impl Entry {
    /// Reads it. What stands in capitals is filled in from `meant`.
    pub fn read(title: &str, meant: &[(&str, &str)]) -> Result<Self> {
        let file = |name: &str| fs::read_to_string(paths::repository().join(name));
        let guide = file("docs/operating.md")?;
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
        let seen = rows.filter_map(row).collect();
        let commands = text.lines().filter_map(|line| line.strip_prefix("$ "));
        let remedy = commands.map(command).collect();
        Ok(Self {
            title: title.to_owned(),
            seen,
            remedy,
            alerts: file("config/alerts.yml")?,
        })
    }

    /// Waits until the trouble is told wherever the entry says, for half a minute at the most.
    pub fn is_told(&self, daemon: &TestDaemon) -> Result<()> {
        self.is_told_by(daemon, daemon)
    }

    /// The same, where one daemon is asked and the log is another's.
    pub fn is_told_by(&self, asked: &TestDaemon, logs: &TestDaemon) -> Result<()> {
        for needed in ["`pelton status`", "alert", "log"] {
            let there = self.seen.iter().any(|(place, _)| place.starts_with(needed));
            ensure!(there, "{}: the entry has no row {needed}", self.title);
        }
        self.alert_watches_the_metric()?;
        let mut missing = Vec::new();
        let begun = Instant::now();
        wait::until_true(&format!("{:?} to be told", self.title), TOLD, || {
            missing = self.missing(asked, logs)?;
            Ok(missing.is_empty())
        })
        .with_context(|| format!("not told: {missing:#?}"))?;
        println!("{}: told after {:?}", self.title, begun.elapsed());
        Ok(())
    }

    /// Waits until status and `/readyz` speak of it no more.
    pub fn is_over(&self, daemon: &TestDaemon) -> Result<()> {
        let spans = self.spans("`pelton status`");
        let mut status = String::new();
        wait::until_true(&format!("{:?} to be over", self.title), LIMIT, || {
            let code;
            (code, status) = words(daemon.folder(), &["status"])?;
            let ready = daemon
                .get("/readyz")
                .is_ok_and(|answer| answer.status == 200);
            let told = spans.iter().any(|span| status.contains(span));
            Ok(code == 0 && ready && !told)
        })
        .with_context(|| status.clone())
    }

    /// Nothing of it is told more often than the entry says.
    pub fn is_told_no_more_than_that(&self, daemon: &TestDaemon) -> Result<()> {
        for (place, spans) in &self.seen {
            let Some(often) = place.strip_prefix("log, ") else {
                continue;
            };
            let most = match often
                .strip_prefix("up to ")
                .and_then(|up_to| up_to.split_once(' '))
            {
                Some((most, _)) => most.parse()?,
                None if often == "once" => 1,
                None => bail!("{}: how often is {often:?}?", self.title),
            };
            for span in spans {
                let lines = daemon.log_lines(span);
                ensure!(
                    (1..=most).contains(&lines.len()),
                    "{}: the log says {span:?} {} times: {:#?}",
                    self.title,
                    lines.len(),
                    &lines[..lines.len().min(5)]
                );
            }
        }
        Ok(())
    }

    /// Carries out the remedy's commands: `pelton` is run in the daemon's folder, and `pelton health` until it succeeds; what
    /// else is to be done, `by_hand` does.
    pub fn carry_out(
        &self,
        folder: &Path,
        mut by_hand: impl FnMut(&[&str]) -> Result<()>,
    ) -> Result<()> {
        ensure!(
            !self.remedy.is_empty(),
            "{}: nothing is to be done",
            self.title
        );
        for command in &self.remedy {
            let line: Vec<&str> = command.iter().map(String::as_str).collect();
            match line[..] {
                ["pelton", "health"] => is_well(folder),
                ["pelton", ref arguments @ ..] => succeeds(folder, arguments),
                _ => by_hand(&line),
            }
            .with_context(|| format!("{}: {}", self.title, line.join(" ")))?;
        }
        Ok(())
    }

    /// What of the table can't be seen.
    fn missing(&self, asked: &TestDaemon, logs: &TestDaemon) -> Result<Vec<String>> {
        let (_, status) = words(asked.folder(), &["status"])?;
        let mut missing = Vec::new();
        for (place, spans) in &self.seen {
            for span in spans {
                let seen = match place.as_str() {
                    "`pelton status`" => status.contains(span.as_str()),
                    "`/readyz`" => asked
                        .get("/readyz")
                        .is_ok_and(|answer| answer.status == 503 && answer.body.contains(span)),
                    "metric" => Condition::read(span)?.is_met(asked),
                    "alert" => true,
                    log if log.starts_with("log, ") => logs.log_count(span) > 0,
                    other => bail!("{}: what is {other:?}?", self.title),
                };
                if !seen {
                    missing.push(format!("{place}: {span}"));
                }
            }
        }
        if !missing.is_empty() {
            missing.push(status);
        }
        Ok(missing)
    }

    /// What stands in the rows of this place.
    fn spans(&self, wanted: &str) -> Vec<&str> {
        let rows = self.seen.iter().filter(|(place, _)| place == wanted);
        let spans = rows.flat_map(|(_, spans)| spans);
        spans.map(String::as_str).collect()
    }

    /// The alert is one of config/alerts.yml, and its expression asks for what the metric row shows.
    fn alert_watches_the_metric(&self) -> Result<()> {
        for alert in self.spans("alert") {
            let (_, from) = self
                .alerts
                .split_once(&format!("- alert: {alert}\n"))
                .with_context(|| format!("config/alerts.yml has no {alert}"))?;
            let (expression, _) = from.split_once("annotations:").context("annotations")?;
            for span in self.spans("metric") {
                let Condition { metric, labels, .. } = Condition::read(span)?;
                let values = labels.iter().filter_map(|label| label.split('"').nth(1));
                for word in values.chain([metric]) {
                    ensure!(expression.contains(word), "{alert} doesn't ask for {word}");
                }
            }
        }
        Ok(())
    }
}

impl<'t> Condition<'t> {
    fn read(text: &'t str) -> Result<Self> {
        let (series, holds, value): (_, fn(&f64, &f64) -> bool, _) =
            match (text.split_once(" == "), text.split_once(" > ")) {
                (Some((series, value)), None) => (series, f64::eq, value),
                (None, Some((series, value))) => (series, f64::gt, value),
                _ => bail!("{text} is no condition"),
            };
        let (metric, labels) = series.split_once('{').unwrap_or((series, ""));
        let labels = labels.trim_end_matches('}').split(',').map(str::trim);
        Ok(Self {
            metric,
            labels: labels.filter(|label| !label.is_empty()).collect(),
            holds,
            value: value.parse()?,
        })
    }

    fn is_met(&self, daemon: &TestDaemon) -> bool {
        let now = daemon.metric(self.metric, &self.labels);
        now.is_ok_and(|now| (self.holds)(&now, &self.value))
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

/// The words of a command, without what is said of it.
fn command(line: &str) -> Vec<String> {
    let line = line.split(" # ").next().unwrap_or(line);
    line.split_whitespace().map(str::to_owned).collect()
}

fn succeeds(folder: &Path, arguments: &[&str]) -> Result<()> {
    let (code, said) = words(folder, arguments)?;
    ensure!(code == 0, "{code}: {said}");
    Ok(())
}

fn is_well(folder: &Path) -> Result<()> {
    let mut said = String::new();
    wait::until_true("health", LIMIT, || {
        let (code, words) = words(folder, &["health"])?;
        said = words;
        Ok(code == 0)
    })
    .with_context(|| said.clone())
}

#[test]
fn an_entry_is_read_as_it_stands() {
    assert_eq!(
        row("| where | what you see |".trim_start_matches("| ")),
        None
    );
    let read = row("log, once | `one` and `two` |");
    assert_eq!(
        read,
        Some((
            "log, once".to_owned(),
            vec!["one".to_owned(), "two".to_owned()]
        ))
    );
    assert_eq!(command("pelton reload # so"), ["pelton", "reload"]);
    let condition = Condition::read(r#"pelton_x{a="b"} > 1000"#).unwrap();
    assert_eq!(
        (condition.metric, &condition.labels[..]),
        ("pelton_x", &[r#"a="b""#][..])
    );
    assert!(
        (condition.holds)(&1001.0, &condition.value)
            && !(condition.holds)(&1000.0, &condition.value)
    );
}
