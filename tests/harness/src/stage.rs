//! What most tests begin with: a handler's name that nothing else has, its topics, and daemons for it.

use anyhow::Result;

use crate::{DaemonOptions, Draft, Message, TestCluster, cluster::unique};

/// A handler between an input and an output topic, with its dead-letter topic.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The handler's name.
    pub handler: String,
    /// Its consumer group.
    pub group: String,
    /// The topic it reads.
    pub input: String,
    /// The topic it writes, with as many partitions as the input.
    pub output: String,
    /// Its dead-letter topic, of one partition.
    pub dead_letter: String,
    bootstrap: String,
}

impl Stage {
    /// Creates the topics.
    ///
    /// # Errors
    /// When the broker refuses.
    pub fn new(cluster: &TestCluster, name: &str, partitions: i32) -> Result<Self> {
        let stage = Self::without_dead_letter_topic(cluster, name, partitions)?;
        cluster.create_topic_named(&stage.dead_letter, 1, &[])?;
        Ok(stage)
    }

    /// Creates the topics but the dead-letter topic.
    ///
    /// # Errors
    /// When the broker refuses.
    pub fn without_dead_letter_topic(
        cluster: &TestCluster,
        name: &str,
        partitions: i32,
    ) -> Result<Self> {
        let stage = Self::named(cluster.bootstrap(), name);
        cluster.create_topic_named(&stage.input, partitions, &[])?;
        cluster.create_topic_named(&stage.output, partitions, &[])?;
        Ok(stage)
    }

    /// The names alone; whoever asks makes the topics.
    pub fn named(bootstrap: &str, name: &str) -> Self {
        let handler = unique(name);
        Self {
            group: format!("{handler}-group"),
            input: format!("{handler}-in"),
            output: format!("{handler}-out"),
            dead_letter: format!("{handler}.dead-letter"),
            bootstrap: bootstrap.to_owned(),
            handler,
        }
    }

    /// The whole of `pelton.toml` for one handler. `more` are further lines of the handler's table.
    pub fn config(&self, component: &str, more: &str) -> String {
        let handler = self.handler_config(component, more);
        let servers = self.bootstrap.replace(',', "\", \"");
        format!("[clusters.default]\nbootstrap-servers = [\"{servers}\"]\n{handler}")
    }

    /// The handler's part of `pelton.toml`.
    pub fn handler_config(&self, component: &str, more: &str) -> String {
        let Self {
            handler,
            group,
            input,
            output,
            ..
        } = self;
        format!(
            r#"
[handlers.{handler}]
component = "{component}.wasm"
topics = ["{input}"]
outputs = ["{output}"]
group = "{group}"
commit-interval = "200ms"
drain-timeout = "5s"
{more}
"#
        )
    }

    /// A daemon of this handler, ready to be started.
    ///
    /// # Errors
    /// When the guest isn't built.
    pub fn daemon(&self, guest: &str, more: &str) -> Result<DaemonOptions> {
        DaemonOptions::new(&self.handler)?
            .component(guest)?
            .config(&self.config(guest, more))
    }
}

/// The whole of `pelton.toml` for one handler that is left at its defaults, to be measured: its name is its group's.
pub fn measured(
    bootstrap: &str,
    name: &str,
    guest: &str,
    topics: [&str; 2],
    guarantee: &str,
) -> String {
    let [input, output] = topics;
    format!(
        r#"
[clusters.default]
bootstrap-servers = ["{bootstrap}"]

[handlers.{name}]
component = "{guest}.wasm"
topics = ["{input}"]
outputs = ["{output}"]
group = "{name}"
guarantee = "{guarantee}"
"#
    )
}

/// A further line of a handler's table, for tests that kill: a member that is gone is missed after 6 s, not 45.
pub const MISSED_SOON: &str =
    r#"consumer-properties = { "session.timeout.ms" = 6000, "heartbeat.interval.ms" = 500 }"#;

/// Life-like messages: every value is another, a key comes again every thousand messages.
pub fn orders(count: usize) -> Vec<Draft> {
    let order = |n: usize| {
        let value = format!(
            r#"{{"n":{n},"order":"order-{}","amount":{},"currency":"EUR"}}"#,
            n % 997,
            n % 89
        );
        Draft::new(format!("order-{}", n % 997), value).header("source", "test")
    };
    (0..count).map(order).collect()
}

/// How often each value stands in the topic, and whether the *first* of each stand in the order in which
/// their inputs were placed. For a handler that forwards to a topic of as many partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copies {
    /// For each draft, by its position, how often its value came out.
    pub counts: Vec<usize>,
    /// The positions of drafts whose first output stands after that of a later one of the same partition.
    pub disordered: Vec<usize>,
    /// Outputs whose value is none of the drafts'.
    pub strangers: usize,
}

impl Copies {
    /// Compares what came out with what was put in.
    pub fn of(drafts: &[Draft], outputs: &[Message]) -> Self {
        let positions: std::collections::HashMap<_, usize> = drafts
            .iter()
            .enumerate()
            .map(|(position, draft)| (draft.value.as_deref(), position))
            .collect();
        let mut copies = Self {
            counts: vec![0; drafts.len()],
            disordered: Vec::new(),
            strangers: 0,
        };
        let mut latest = std::collections::HashMap::new();
        for output in outputs {
            let Some(&position) = positions.get(&output.value.as_deref()) else {
                copies.strangers += 1;
                continue;
            };
            copies.counts[position] += 1;
            let first = copies.counts[position] == 1;
            let latest = latest.entry(output.partition).or_insert(position);
            if first && position < *latest {
                copies.disordered.push(position);
            }
            *latest = position.max(*latest);
        }
        copies
    }

    /// The positions of drafts that never came out.
    pub fn missing(&self) -> Vec<usize> {
        self.positions(|count| count == 0)
    }

    /// The positions of drafts that came out more than once.
    pub fn repeated(&self) -> Vec<usize> {
        self.positions(|count| count > 1)
    }

    /// Fails unless every draft came out exactly once and in order.
    ///
    /// # Errors
    /// Naming the first ten of each kind of fault.
    pub fn exactly_once(&self) -> Result<()> {
        self.at_least_once()?;
        self.none_repeated()
    }

    /// Fails unless every draft came out exactly once, in whatever order.
    ///
    /// # Errors
    /// Naming the first ten of each kind of fault.
    pub fn exactly_once_in_any_order(&self) -> Result<()> {
        self.none_missing()?;
        self.none_repeated()
    }

    fn none_repeated(&self) -> Result<()> {
        let repeated = self.repeated();
        anyhow::ensure!(
            repeated.is_empty(),
            "{} came out more than once: {}",
            repeated.len(),
            some(&repeated)
        );
        Ok(())
    }

    /// Fails unless every draft came out, the first time in order, and nothing else.
    ///
    /// # Errors
    /// Naming the first ten of each kind of fault.
    pub fn at_least_once(&self) -> Result<()> {
        self.none_missing()?;
        let late = &self.disordered;
        anyhow::ensure!(
            late.is_empty(),
            "{} came out after a later one: {}",
            late.len(),
            some(late)
        );
        Ok(())
    }

    fn none_missing(&self) -> Result<()> {
        let missing = self.missing();
        anyhow::ensure!(
            missing.is_empty(),
            "{} never came out: {}",
            missing.len(),
            some(&missing)
        );
        anyhow::ensure!(
            self.strangers == 0,
            "{} outputs that nobody put in",
            self.strangers
        );
        Ok(())
    }

    fn positions(&self, wanted: impl Fn(usize) -> bool) -> Vec<usize> {
        let counts = self.counts.iter().enumerate();
        counts
            .filter(|(_, count)| wanted(**count))
            .map(|(position, _)| position)
            .collect()
    }
}

/// The first ten of a list.
fn some(positions: &[usize]) -> String {
    format!(
        "{:?}{}",
        &positions[..positions.len().min(10)],
        if positions.len() > 10 { " ..." } else { "" }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copies(outputs: &[usize]) -> Copies {
        let drafts = orders(4);
        let output = |position: &usize| Message {
            value: drafts[*position].value.clone(),
            ..Message::default()
        };
        Copies::of(&drafts, &outputs.iter().map(output).collect::<Vec<_>>())
    }

    #[test]
    fn a_rewind_repeats_but_reorders_nothing() {
        let copies = copies(&[0, 1, 2, 1, 2, 3]);
        assert_eq!(copies.repeated(), [1, 2]);
        copies
            .at_least_once()
            .expect("the first of each stand in order");
        let error = copies.exactly_once().expect_err("two came out twice");
        assert_eq!(error.to_string(), "2 came out more than once: [1, 2]");
    }

    #[test]
    fn a_first_output_behind_a_later_one_is_disorder() {
        assert_eq!(copies(&[0, 2, 1, 3]).disordered, [1]);
        assert_eq!(copies(&[0, 2, 1, 3]).missing(), [0_usize; 0]);
        assert_eq!(copies(&[0, 2]).missing(), [1, 3]);
    }
}
