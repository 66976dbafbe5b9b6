//! `pelton offsets`: where a handler's group stands, and where it goes on.

use std::process::ExitCode;

use pelton_operator::offsets::{Moved, Stand, reset, show};
use serde_json::{Value, json};

use crate::{
    args::{OffsetsArgs, OffsetsCommand, ResetArgs},
    dlq::with,
    style::Look,
    table::{self, Column},
};

const COLUMNS: [Column; 6] = [
    Column::text("PARTITION", 0),
    Column::number("OLDEST", 1),
    Column::number("COMMITTED", 0),
    Column::number("END", 0),
    Column::number("LAG", 2),
    Column::number("NEW", 0),
];

pub(crate) fn offsets(command: &OffsetsCommand) -> anyhow::Result<ExitCode> {
    match command {
        OffsetsCommand::Show(args) => showing(args),
        OffsetsCommand::Reset(args) => resetting(args),
    }
}

fn showing(args: &OffsetsArgs) -> anyhow::Result<ExitCode> {
    let (whose, place) = (&args.whose, args.place());
    let work = move |reach: pelton_operator::Reach| show(&reach, &place);
    let stands = match with(&whose.config, &whose.handler, work)? {
        Ok(stands) => stands,
        Err(refused) => return Ok(refused),
    };
    if whose.json {
        let all: Vec<_> = stands.iter().map(described).collect();
        println!("{}", serde_json::to_string_pretty(&all)?);
    } else {
        let rows: Vec<_> = stands.iter().map(row).collect();
        let columns = COLUMNS.get(..COLUMNS.len() - 1).unwrap_or_default();
        println!(
            "{}",
            table::lines(Look::now(), 0, columns, &rows).join("\n")
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn resetting(args: &ResetArgs) -> anyhow::Result<ExitCode> {
    let (whose, place) = (&args.offsets.whose, args.offsets.place());
    let (to, execute) = (args.to, args.execute);
    let work = move |reach: pelton_operator::Reach| reset(&reach, &place, to, execute);
    let moved = match with(&whose.config, &whose.handler, work)? {
        Ok(moved) => moved,
        Err(refused) => return Ok(refused),
    };
    if whose.json {
        let all: Vec<_> = moved.iter().map(described_move).collect();
        let body = json!({ "executed": execute, "partitions": all });
        println!("{}", serde_json::to_string_pretty(&body)?);
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<_> = moved
        .iter()
        .map(|one| [row(&one.stand), vec![one.next.to_string()]].concat())
        .collect();
    println!(
        "{}",
        table::lines(Look::now(), 0, &COLUMNS, &rows).join("\n")
    );
    println!(
        "{}",
        if execute {
            "committed"
        } else {
            "nothing was committed; --execute does it"
        }
    );
    Ok(ExitCode::SUCCESS)
}

fn described(stand: &Stand) -> Value {
    json!({
        "topic": &*stand.partition.topic,
        "partition": stand.partition.partition,
        "oldest": stand.range.start,
        "committed": stand.committed,
        "end": stand.range.end,
        "lag": stand.lag(),
    })
}

fn described_move(moved: &Moved) -> Value {
    let mut body = described(&moved.stand);
    body["new"] = moved.next.into();
    body
}

fn row(stand: &Stand) -> Vec<String> {
    let or_none = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
    vec![
        stand.partition.to_string(),
        stand.range.start.to_string(),
        or_none(stand.committed),
        stand.range.end.to_string(),
        or_none(stand.lag()),
    ]
}
