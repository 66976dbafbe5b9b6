//! `pelton dlq show`.

use std::{ops::ControlFlow, process::ExitCode};

use base64::{Engine, engine::general_purpose::STANDARD};
use pelton_operator::letters::{Filter, Letter, Shown, find};

use super::{list::time, with};
use crate::{args::ShowArgs, exit, style::plain};

pub(super) fn show(args: &ShowArgs) -> anyhow::Result<ExitCode> {
    let filter = Filter {
        any_handler: true,
        at: Some(args.at),
        ..Filter::default()
    };
    let work = move |reach: pelton_operator::Reach| {
        let mut found = None;
        find(&reach, &filter, |letter| {
            found = Some(letter);
            ControlFlow::Break(())
        })?;
        Ok(found)
    };
    let letter = match with(&args.whose.config, &args.whose.handler, work)? {
        Ok(found) => found,
        Err(refused) => return Ok(refused),
    };
    let Some(letter) = letter else {
        let (partition, offset) = args.at;
        let why = format!("no dead letter stands at {partition}@{offset}");
        return Ok(exit::refuse(exit::USAGE, why));
    };
    if args.whose.json {
        println!("{}", serde_json::to_string_pretty(&Shown::from(&letter))?);
    } else {
        print(&letter);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(letter: &Letter) {
    let line = |name: &str, text: Option<String>| {
        println!("{name:<11} {}", text.unwrap_or_else(|| "-".to_owned()));
    };
    let named = |text: &Option<String>| text.as_deref().map(plain);
    line("letter", Some(letter.at.to_string()));
    line("came from", letter.origin.as_ref().map(ToString::to_string));
    line("time", time(letter));
    line("handler", named(&letter.handler));
    line("revision", named(&letter.revision));
    line("attempts", letter.attempts.map(|n| n.to_string()));
    line("redrives", Some(letter.redrives.to_string()));
    line("kind", named(&letter.kind));
    if letter.cut.is_some() {
        line("cut", named(&letter.cut));
    }
    line("key", letter.message.key.as_deref().map(shown));
    for header in &letter.message.headers {
        let value = header.value.map_or_else(|| "null".to_owned(), shown);
        line("header", Some(format!("{} = {value}", shown(header.name))));
    }
    println!("error");
    for text in letter.text.as_deref().unwrap_or("-").lines() {
        println!("  {}", plain(text));
    }
    println!("value");
    match letter.message.value.as_deref() {
        None => println!("  null, a tombstone"),
        Some(value) => match std::str::from_utf8(value) {
            Ok(text) => text.lines().for_each(|line| println!("  {}", plain(line))),
            Err(_) => println!(
                "  {} bytes in base64: {}",
                value.len(),
                STANDARD.encode(value)
            ),
        },
    }
}

/// Bytes as they can be shown on a line.
fn shown(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => plain(text),
        Err(_) => format!("base64:{}", STANDARD.encode(bytes)),
    }
}
