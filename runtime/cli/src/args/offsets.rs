//! The arguments of `pelton offsets`.

use clap::Subcommand;
use pelton_operator::offsets::{To, Where};

use super::letters::{WhoseArgs, time};

#[derive(Debug, Subcommand)]
pub(crate) enum OffsetsCommand {
    /// Show where a handler's group stands in each partition of its topics.
    Show(OffsetsArgs),
    /// Set where a handler's group goes on. Without --execute it only says where that would be.
    ///
    /// The group must have no members: stop every daemon that runs the handler first, or take it out of their
    /// configuration. What is finished beyond the committed offset is forgotten.
    ///
    /// Exits with 0 when it is committed, 1 when the group has members or the brokers don't answer, 2 when there is no
    /// such handler.
    Reset(ResetArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct OffsetsArgs {
    #[command(flatten)]
    pub whose: WhoseArgs,
    /// Only in this topic.
    #[arg(long)]
    pub topic: Option<String>,
    /// Only in this partition.
    #[arg(long, value_name = "NUMBER")]
    pub partition: Option<i32>,
}

impl OffsetsArgs {
    pub(crate) fn place(&self) -> Where {
        Where {
            topic: self.topic.clone(),
            partition: self.partition,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct ResetArgs {
    #[command(flatten)]
    pub offsets: OffsetsArgs,
    /// Where to: `earliest`, `latest`, an offset, a time as 2026-01-31T12:00:00Z, or a span as 2h, which is so long ago.
    #[arg(long, value_name = "WHERE", value_parser = to)]
    pub to: To,
    /// Commit it.
    #[arg(long)]
    pub execute: bool,
}

fn to(text: &str) -> Result<To, String> {
    match text {
        "earliest" => Ok(To::Earliest),
        "latest" => Ok(To::Latest),
        number if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => number
            .parse()
            .map(To::Offset)
            .map_err(|_| format!("`{text}` is no offset")),
        other => time(other)
            .map(To::Time)
            .map_err(|wrong| format!("{wrong}, nor an offset, `earliest` or `latest`")),
    }
}
