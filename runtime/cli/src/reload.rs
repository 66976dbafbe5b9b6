//! `pelton reload`: the configuration of a running daemon, or the component of one of its handlers.

use std::process::ExitCode;

use serde_json::Value;

use crate::{args::ReloadArgs, ask, exit, revisions};

pub(crate) fn reload(args: &ReloadArgs) -> anyhow::Result<ExitCode> {
    match &args.handler {
        Some(handler) => revisions::reload(handler, args.force, &args.daemon, args.json),
        None => configuration(args),
    }
}

fn configuration(args: &ReloadArgs) -> anyhow::Result<ExitCode> {
    let answer = ask::ask(&args.daemon, "POST", "/v1/reload")?;
    let body = &answer.body;
    if let Some(error) = body["error"].as_str() {
        return Ok(exit::refuse(exit::FAILED, error));
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(body)?);
    }
    if let Some(problem) = body["problem"].as_str() {
        // It stands by itself: file, line, column and what to do.
        eprintln!("{problem}");
        eprintln!("the daemon refuses the configuration: what runs goes on as it was");
        return Ok(ExitCode::from(exit::CONFIGURATION));
    }
    if !args.json {
        show(body);
    }
    Ok(ExitCode::SUCCESS)
}

/// What has changed, for people.
fn show(report: &Value) {
    let names = |kind: &str| {
        let names = report[kind].as_array().into_iter().flatten();
        names.filter_map(Value::as_str).collect::<Vec<_>>()
    };
    for kind in ["added", "removed", "changed"] {
        for name in names(kind) {
            println!("{kind}: {name}");
        }
    }
    println!("unchanged: {}", names("unchanged").len());
    if let Some(messages) = report["unfinished"]
        .as_u64()
        .filter(|messages| *messages > 0)
    {
        println!("messages begun and not finished, which may be repeated: {messages}");
    }
}
