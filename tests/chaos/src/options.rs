//! What a run is asked for.

use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Kills, stops, freezes and swaps daemons on a real Kafka, and accounts for every message.
#[derive(Parser)]
#[command(
    name = "cargo xtask chaos",
    bin_name = "cargo xtask chaos",
    args_conflicts_with_subcommands = true
)]
pub struct Arguments {
    #[command(subcommand)]
    pub mode: Option<Mode>,
    #[command(flatten)]
    pub options: Options,
}

/// What this program is besides: the consumers that show that the checker can object.
#[derive(Subcommand)]
pub enum Mode {
    /// Consumes with transactions that hold no offsets. Started by `--subject apart`.
    #[command(hide = true)]
    Apart {
        /// Where the broker is.
        bootstrap: String,
    },
    /// Consumes carelessly: commits before its outputs are acknowledged. Started by `--subject careless`.
    #[command(hide = true)]
    Careless {
        /// Where the broker is.
        bootstrap: String,
    },
}

/// See the fields.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// How many messages the writer writes; as many as it takes, at 500 a second, for a soak.
    #[arg(long, default_value_t = 20_000)]
    pub messages: usize,
    /// kill -9 of daemons. Of each ten there are 4 SIGTERM, 2 SIGSTOP, 1 broker's death and 2 joins and leaves besides, and
    /// 2 torn transactions with `--exactly-once`.
    #[arg(long, default_value_t = 4)]
    pub kills: usize,
    /// Hot swaps.
    #[arg(long, default_value_t = 2)]
    pub swaps: usize,
    /// What the schedule comes from; without it another one each time.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Daemons of one configuration.
    #[arg(long, default_value_t = 3)]
    pub daemons: usize,
    /// Partitions of the topics.
    #[arg(long, default_value_t = 12)]
    pub partitions: i32,
    /// What the handler promises about order.
    #[arg(long, value_enum, default_value_t = Order::Partition)]
    pub order: Order,
    /// The guarantee is exactly-once: whoever reads what is committed must see each message's output once. The daemons
    /// reach the broker through a proxy that delays, drops, cuts off and withholds requests of their transactions.
    #[arg(long)]
    pub exactly_once: bool,
    /// How many of a thousand of those requests it does that to, with `--exactly-once`.
    #[arg(long, default_value_t = 10)]
    pub storm: u32,
    /// How the group shares out partitions.
    #[arg(long, value_enum, default_value_t = Protocol::Cooperative)]
    pub protocol: Protocol,
    /// Static membership: each daemon has an `instance-id` of its own.
    #[arg(long = "static")]
    pub static_members: bool,
    /// Nothing more is done after so many seconds, whatever is left of the schedule.
    #[arg(long)]
    pub seconds: Option<u64>,
    /// A soak of so many minutes: a slow schedule without an end, and the daemons' memory, file descriptors and
    /// threads are watched.
    #[arg(long)]
    pub minutes: Option<u64>,
    /// A rolling restart by SIGTERM, twice round, instead of a schedule: nothing may be lost, nothing repeated.
    #[arg(long)]
    pub rolling: bool,
    /// An outage of the broker of this length, instead of a schedule.
    #[arg(long, value_parser = humantime::parse_duration)]
    pub outage: Option<Duration>,
    /// Each protocol with dynamic and with static membership, one after the other, and a table.
    #[arg(long)]
    pub matrix: bool,
    /// Nothing is done to anybody: what exactly-once costs beside at-least-once is measured and printed.
    #[arg(long)]
    pub cost: bool,
    /// Who consumes.
    #[arg(long, value_enum, default_value_t = Subject::Pelton)]
    pub subject: Subject,
    /// Exits with 0 only if messages were found lost, or with `--exactly-once` lost or repeated: for the controls that
    /// show that the checker can object.
    #[arg(long)]
    pub expect_broken: bool,
    /// Records what dispatch does and replays it at the end. Takes 1 KiB a message and more: not for long runs.
    #[arg(long)]
    pub record: bool,
}

/// What the handler promises about order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Order {
    /// Of each partition.
    Partition,
    /// Of each key.
    Key,
}

/// How the group shares out partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// The classic protocol, only what moves is touched.
    Cooperative,
    /// The classic protocol, everything is given up first.
    Eager,
    /// KIP-848: the broker decides.
    Consumer,
}

impl Protocol {
    /// As the configuration calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cooperative => "cooperative",
            Self::Eager => "eager",
            Self::Consumer => "consumer",
        }
    }
}

/// Who consumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Subject {
    /// `pelton run`.
    Pelton,
    /// A consumer that commits too early, made to be found out. It is only killed.
    Careless,
    /// A consumer with transactions that commits its offsets outside of them, made to be found out. It is only killed.
    Apart,
    /// `pelton run` without the defence against requests of an earlier transaction that arrive in a later one, made to
    /// be found out.
    Undefended,
}

/// The most messages of which recordings are made: some hundred megabytes.
const MOST_RECORDED: usize = 100_000;

impl Subject {
    /// Whether it is Pelton, and can be asked how it is.
    pub fn is_pelton(self) -> bool {
        matches!(self, Self::Pelton | Self::Undefended)
    }
}

impl Options {
    /// What clap can't see.
    ///
    /// # Errors
    /// When options contradict one another.
    pub fn check(&self) -> Result<()> {
        ensure!(
            !self.record || (self.minutes.is_none() && self.messages <= MOST_RECORDED),
            "--record is for runs of at most {MOST_RECORDED} messages, and for no soak: recordings would fill the disk"
        );
        ensure!(
            self.exactly_once || !matches!(self.subject, Subject::Apart | Subject::Undefended),
            "this subject is for --exactly-once"
        );
        ensure!(self.daemons > 0, "--daemons must be at least 1");
        ensure!(self.partitions > 0, "--partitions must be at least 1");
        ensure!(self.messages > 0, "--messages must be at least 1");
        ensure!(
            self.minutes.is_none() || self.daemons > 1,
            "a soak needs two daemons: one that is watched and one that is killed"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(words: &[&str]) -> Options {
        let all = ["chaos"].iter().chain(words);
        Arguments::try_parse_from(all)
            .expect("valid arguments")
            .options
    }

    #[test]
    fn a_recording_is_refused_where_it_would_fill_the_disk() {
        assert!(options(&["--record"]).check().is_ok());
        assert!(
            options(&["--record", "--messages", "1000000"])
                .check()
                .is_err()
        );
        assert!(options(&["--record", "--minutes", "1"]).check().is_err());
    }

    #[test]
    fn an_outage_is_a_duration() {
        let outage = options(&["--outage", "30s"]).outage;
        assert_eq!(outage, Some(Duration::from_secs(30)));
    }
}
