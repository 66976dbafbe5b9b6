//! `pelton dlq`: a handler's dead letters, on their topic itself.

mod list;
mod show;

use std::{collections::BTreeMap, process::ExitCode};

use pelton_operator::{
    Error, Reach,
    letters::{Filter, Redrive, Redriven, Skipped, purge, redrive},
};
use serde_json::json;

use crate::{
    args::{ConfigFile, DlqCommand, PurgeArgs, RedriveArgs, WhoseArgs},
    exit, run,
};

pub(crate) fn dlq(command: &DlqCommand) -> anyhow::Result<ExitCode> {
    match command {
        DlqCommand::List(args) => list::list(args),
        DlqCommand::Show(args) => show::show(args),
        DlqCommand::Redrive(args) => redriving(args),
        DlqCommand::Purge(args) => purging(args),
    }
}

/// Does something with a handler's brokers; what is asked for in vain ends as wrong usage.
pub(crate) fn with<T: Send + 'static>(
    config: &ConfigFile,
    handler: &str,
    work: impl FnOnce(Reach) -> Result<T, Error> + Send + 'static,
) -> anyhow::Result<Result<T, ExitCode>> {
    let config = exit::load(config)?;
    let reach = match Reach::new(&config, handler) {
        Ok(reach) => reach,
        Err(error) => return Ok(Err(exit::refuse(exit::USAGE, error))),
    };
    run::on_runtime(async {
        match tokio::task::spawn_blocking(move || work(reach)).await? {
            Ok(done) => Ok(Ok(done)),
            Err(error @ Error::NoLetters(_)) => Ok(Err(exit::refuse(exit::USAGE, error))),
            Err(error) => Err(error.into()),
        }
    })
}

fn redriving(args: &RedriveArgs) -> anyhow::Result<ExitCode> {
    let WhoseArgs {
        handler,
        config,
        json,
    } = &args.whose;
    let wanted = Redrive {
        filter: Filter {
            at: args.at,
            ..args.which.filter()
        },
        execute: args.execute,
        to_source: args.to_source,
        rate: args.rate,
        most_redrives: args.max_redrives,
        even_cut: args.even_cut,
    };
    let redriven = match with(config, handler, move |reach| redrive(&reach, &wanted))? {
        Ok(redriven) => redriven,
        Err(refused) => return Ok(refused),
    };
    if *json {
        let body = json!({
            "handler": handler,
            "executed": args.execute,
            "written": redriven.written,
            "skipped": redriven.skipped,
            "made": redriven.made,
        });
        println!("{}", serde_json::to_string_pretty(&body)?);
    } else {
        tell(&redriven, args.execute, args.max_redrives);
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(redriven: &Redriven, executed: bool, most: u32) {
    let (made, written) = match executed {
        true => ("made", "redriven"),
        false => ("would be made", "would be redriven"),
    };
    if let Some(topic) = &redriven.made {
        println!("topic {topic} {made}: the handler begins to read it within some seconds");
    }
    for (topic, count) in &redriven.written {
        println!("{count} {written} to {topic}");
    }
    for (why, count) in &redriven.skipped {
        println!("{count} stay: {}", in_words(*why, most));
    }
    match (redriven.written.is_empty(), executed) {
        (true, _) if redriven.skipped.is_empty() => println!("no dead letter is meant"),
        (false, false) => println!("nothing was written; --execute does it"),
        _ => {}
    }
}

fn in_words(why: Skipped, most: u32) -> String {
    match why {
        Skipped::Already => "they were redriven before".to_owned(),
        Skipped::Loops => {
            format!("they came back after {most} redrives or more (--max-redrives)")
        }
        Skipped::Cut => "only a part of the message is in the letter (--even-cut)".to_owned(),
        Skipped::Foreign => "they don't say where they came from".to_owned(),
    }
}

fn purging(args: &PurgeArgs) -> anyhow::Result<ExitCode> {
    let WhoseArgs {
        handler,
        config,
        json,
    } = &args.whose;
    let (before, execute, anyone) = (args.before, args.execute, args.any_handler);
    let work = move |reach: Reach| purge(&reach, before, anyone, execute);
    let purged = match with(config, handler, work)? {
        Ok(purged) => purged,
        Err(refused) => return Ok(refused),
    };
    if purged.refused {
        let why = format!(
            "{} of {} dead letters are another handler's, or another program's; --any-handler deletes them too",
            purged.of_others, purged.letters
        );
        return Ok(exit::refuse(exit::FAILED, why));
    }
    if *json {
        let keeps: BTreeMap<String, i64> = purged
            .keeps_from
            .iter()
            .map(|(partition, offset)| (partition.to_string(), *offset))
            .collect();
        let body = json!({
            "handler": handler,
            "executed": execute,
            "letters": purged.letters,
            "of-others": purged.of_others,
            "keeps-from": keeps,
        });
        println!("{}", serde_json::to_string_pretty(&body)?);
    } else if execute {
        println!("{} dead letters deleted", purged.letters);
    } else {
        println!(
            "{} dead letters would be deleted, {} of them not this handler's; --execute does it",
            purged.letters, purged.of_others
        );
    }
    Ok(ExitCode::SUCCESS)
}
