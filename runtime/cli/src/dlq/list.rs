//! `pelton dlq list`.

use std::{
    ops::ControlFlow,
    process::ExitCode,
    time::{Duration, UNIX_EPOCH},
};

use pelton_operator::letters::{Filter, Letter, Shown, find};
use serde_json::json;

use super::with;
use crate::{
    args::ListArgs,
    style::{Look, plain},
    table::{self, Column},
};

const COLUMNS: [Column; 7] = [
    Column::text("LETTER", 0),
    Column::text("MESSAGE'S TIME", 4),
    Column::text("CAME FROM", 1),
    Column::text("KIND", 0),
    Column::number("ATTEMPTS", 3),
    Column::number("REDRIVES", 5),
    Column::text("ERROR", 0),
];

pub(super) fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let filter = Filter {
        any_handler: args.any_handler,
        ..args.which.filter()
    };
    let most = args.limit;
    let work = move |reach: pelton_operator::Reach| {
        let (mut letters, mut more) = (Vec::new(), 0_u64);
        find(&reach, &filter, |letter| {
            match letters.len() < most {
                true => letters.push(letter),
                false => more += 1,
            }
            ControlFlow::Continue(())
        })?;
        Ok((letters, more))
    };
    let (letters, more) = match with(&args.whose.config, &args.whose.handler, work)? {
        Ok(found) => found,
        Err(refused) => return Ok(refused),
    };
    if args.whose.json {
        let all: Vec<_> = letters.iter().map(Shown::from).collect();
        let body = json!({ "letters": all, "more": more > 0 });
        println!("{}", serde_json::to_string_pretty(&body)?);
    } else {
        show(&letters, more);
    }
    Ok(ExitCode::SUCCESS)
}

fn show(letters: &[Letter], more: u64) {
    if letters.is_empty() {
        println!("no dead letters");
        return;
    }
    let rows: Vec<_> = letters.iter().map(row).collect();
    let lines = table::lines(Look::now(), 0, &COLUMNS, &rows);
    println!("{}", lines.join("\n"));
    if more > 0 {
        println!("… and {more} more; --limit shows them");
    }
}

fn row(letter: &Letter) -> Vec<String> {
    let or_none = |text: Option<&str>| text.map_or_else(|| "-".to_owned(), plain);
    let text = letter.text.as_deref().and_then(|text| text.lines().next());
    vec![
        format!("{}@{}", letter.at.partition, letter.at.offset),
        time(letter).unwrap_or_else(|| "-".to_owned()),
        or_none(letter.origin.as_ref().map(ToString::to_string).as_deref()),
        or_none(letter.kind.as_deref()),
        letter
            .attempts
            .map_or_else(|| "-".to_owned(), |n| n.to_string()),
        letter.redrives.to_string(),
        or_none(text),
    ]
}

/// When the message was written.
pub(super) fn time(letter: &Letter) -> Option<String> {
    let millis = u64::try_from(letter.message.timestamp.millis()?).ok()?;
    let at = UNIX_EPOCH.checked_add(Duration::from_millis(millis))?;
    Some(humantime::format_rfc3339_seconds(at).to_string())
}
