//! The daemon's own figures, as `/metrics` has them.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, Result};

/// The longest time for one answer.
const LIMIT: Duration = Duration::from_secs(3);

/// The figures of one partition of one handler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    /// The next offset that is committed.
    pub committed: i64,
    /// Messages from there to the end.
    pub lag: i64,
}

/// The figures of a daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Partitions by handler, topic and number.
    pub partitions: BTreeMap<(String, String, i32), Partition>,
    /// Swaps of all handlers.
    pub swaps: u64,
    /// The revision that runs, by handler.
    pub revisions: BTreeMap<String, String>,
}

impl Figures {
    /// Asks a daemon.
    ///
    /// # Errors
    /// It does not answer.
    pub fn of(admin: &str) -> Result<Self> {
        Ok(Self::parse(&get(admin, "/metrics")?))
    }

    /// The sum of all lags of a handler; `None` where it has no partition yet.
    pub fn lag(&self, handler: &str) -> Option<i64> {
        let mut own = self
            .partitions
            .iter()
            .filter(|((of, ..), _)| of == handler)
            .map(|(_, partition)| partition.lag)
            .peekable();
        own.peek()?;
        Some(own.sum())
    }

    fn parse(text: &str) -> Self {
        let mut figures = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((name, labels, value)) = sample(line) {
                figures.add(name, &labels, value);
            }
        }
        figures
    }

    fn add(&mut self, name: &str, labels: &BTreeMap<&str, &str>, value: f64) {
        let label = |name: &str| labels.get(name).copied().unwrap_or_default().to_owned();
        let partition = || {
            let number = label("partition").parse().unwrap_or(-1);
            (label("handler"), label("topic"), number)
        };
        match name {
            "pelton_committed_offset" => {
                self.partitions.entry(partition()).or_default().committed = value as i64;
            }
            "pelton_lag_messages" => {
                self.partitions.entry(partition()).or_default().lag = value as i64;
            }
            "pelton_swaps_total" => self.swaps += value as u64,
            "pelton_revision" => {
                self.revisions.insert(label("handler"), label("revision"));
            }
            _ => {}
        }
    }
}

/// Name, labels and value of a line. Values of labels hold no quotes here: they are names of topics and handlers.
fn sample(line: &str) -> Option<(&str, BTreeMap<&str, &str>, f64)> {
    let (what, value) = line.rsplit_once(' ')?;
    let (name, labels) = what.split_once('{').unwrap_or((what, ""));
    let labels = labels.trim_end_matches('}').split("\",");
    let labels = labels.filter_map(|label| label.split_once("=\""));
    let labels = labels.map(|(name, value)| (name, value.trim_end_matches('"')));
    Some((name, labels.collect(), value.parse().ok()?))
}

/// The body of an answer with status 200.
fn get(address: &str, path: &str) -> Result<String> {
    let mut stream =
        TcpStream::connect(address).with_context(|| format!("nothing listens on {address}"))?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    // HTTP/1.0: the answer ends with the connection, and comes in one piece.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .with_context(|| format!("{address} answers no HTTP"))?;
    let status = head.lines().next().unwrap_or_default();
    anyhow::ensure!(status.contains(" 200"), "{address}{path} answers {status}");
    Ok(body.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read() {
        let text = "\
# HELP pelton_swaps Revisions put into place.
pelton_swaps_total{handler=\"a\"} 2
pelton_swaps_total{handler=\"b\"} 1
pelton_revision{handler=\"a\",revision=\"5f1c\"} 1
pelton_committed_offset{handler=\"a\",group=\"g\",topic=\"t\",partition=\"3\"} 12
pelton_lag_messages{handler=\"a\",group=\"g\",topic=\"t\",partition=\"3\"} 4
pelton_lag_messages{handler=\"a\",group=\"g\",topic=\"t\",partition=\"2\"} 1
# EOF
";
        let figures = Figures::parse(text);
        assert_eq!(figures.swaps, 3);
        assert_eq!(figures.revisions["a"], "5f1c");
        let partition = figures.partitions[&("a".to_owned(), "t".to_owned(), 3)];
        assert_eq!((partition.committed, partition.lag), (12, 4));
        assert_eq!((figures.lag("a"), figures.lag("b")), (Some(5), None));
    }
}
