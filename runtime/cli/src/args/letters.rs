//! The arguments of `pelton dlq`.

use std::{
    num::NonZeroU32,
    time::{SystemTime, UNIX_EPOCH},
};

use clap::Subcommand;
use pelton_operator::letters::{Filter, MOST_REDRIVES, place};

use super::ConfigFile;

#[derive(Debug, Subcommand)]
pub(crate) enum DlqCommand {
    /// List a handler's dead letters, the oldest of each partition first.
    List(ListArgs),
    /// Show one dead letter with everything it says.
    Show(ShowArgs),
    /// Give dead letters back to their handler. Without --execute it only says what would be written.
    ///
    /// A copy of each goes to the topic GROUP.retry, which the handler reads by itself and no other handler does; it is
    /// made if it isn't there. The handler sees the message as it was, under its first id. What was redriven before stays
    /// where it is, so that a redrive that was cut short is taken up by running it again.
    ///
    /// Exits with 0 when all of it is acknowledged, 1 when it is not, 2 when there is no such handler.
    Redrive(RedriveArgs),
    /// Delete dead letters, from the oldest on. Without --execute it only says how many that would be.
    Purge(PurgeArgs),
}

/// Whose dead letters.
#[derive(Debug, clap::Args)]
pub(crate) struct WhoseArgs {
    /// The handler.
    pub handler: String,
    #[command(flatten)]
    pub config: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Which of them.
#[derive(Debug, clap::Args)]
pub(crate) struct WhichArgs {
    /// Only those whose message came from this topic.
    #[arg(long, value_name = "TOPIC")]
    pub source_topic: Option<String>,
    /// Only those whose last failure was of this kind: trap, reject, other, time-limit, …
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// Only those with this key.
    #[arg(long)]
    pub key: Option<String>,
    /// Only those of messages not older than this: a time as 2026-01-31T12:00:00Z, or a span as 2h, which is so long ago.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub since: Option<i64>,
    /// Only those of messages older than this; a time or a span, too.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub until: Option<i64>,
}

impl WhichArgs {
    pub(crate) fn filter(&self) -> Filter {
        Filter {
            source_topic: self.source_topic.clone(),
            kind: self.kind.clone(),
            key: self.key.clone().map(String::into_bytes),
            since: self.since,
            until: self.until,
            ..Filter::default()
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub whose: WhoseArgs,
    #[command(flatten)]
    pub which: WhichArgs,
    /// Also those of other handlers that share the topic, and of other programs.
    #[arg(long)]
    pub any_handler: bool,
    /// List at most so many.
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    pub limit: usize,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub whose: WhoseArgs,
    /// Where it stands in the dead-letter topic, as `list` names it.
    #[arg(value_name = "PARTITION@OFFSET", value_parser = place::parse)]
    pub at: (i32, i64),
}

#[derive(Debug, clap::Args)]
pub(crate) struct RedriveArgs {
    #[command(flatten)]
    pub whose: WhoseArgs,
    #[command(flatten)]
    pub which: WhichArgs,
    /// Only the one that stands here in the dead-letter topic, as `list` names it.
    #[arg(long, value_name = "PARTITION@OFFSET", value_parser = place::parse)]
    pub at: Option<(i32, i64)>,
    /// Write them.
    #[arg(long)]
    pub execute: bool,
    /// Write at most so many in a second.
    #[arg(long, value_name = "NUMBER")]
    pub rate: Option<NonZeroU32>,
    /// Leave those where they are that were redriven so often already.
    #[arg(long, value_name = "NUMBER", default_value_t = MOST_REDRIVES)]
    pub max_redrives: u32,
    /// Write to the topics that they came from: every group that reads those sees the messages again.
    #[arg(long)]
    pub to_source: bool,
    /// Also those whose letter holds only a part of the message, because the whole was too large.
    #[arg(long)]
    pub even_cut: bool,
}

#[derive(Debug, clap::Args)]
#[group(id = "how-many", required = true, multiple = false, args = ["before", "everything"])]
pub(crate) struct PurgeArgs {
    #[command(flatten)]
    pub whose: WhoseArgs,
    /// Up to the first whose message isn't older than this; a time or a span.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub before: Option<i64>,
    /// All that are there now.
    #[arg(long = "all")]
    pub everything: bool,
    /// Also where there are some of other handlers, or of other programs, among them.
    #[arg(long)]
    pub any_handler: bool,
    /// Delete them.
    #[arg(long)]
    pub execute: bool,
}

/// A time, or how long ago it was, in milliseconds since 1970.
pub(crate) fn time(text: &str) -> Result<i64, String> {
    let wrong = || {
        format!("`{text}` is neither a time, as 2026-01-31T12:00:00Z, nor a span, as 90m or 2days")
    };
    let at = match humantime::parse_rfc3339_weak(text) {
        Ok(at) => at,
        Err(_) => {
            let ago = humantime::parse_duration(text).map_err(|_| wrong())?;
            SystemTime::now().checked_sub(ago).ok_or_else(wrong)?
        }
    };
    let since = at.duration_since(UNIX_EPOCH).map_err(|_| wrong())?;
    i64::try_from(since.as_millis()).map_err(|_| wrong())
}
