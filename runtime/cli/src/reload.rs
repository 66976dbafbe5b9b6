//! `pelton reload`: the configuration of a running daemon, or the component of one of its handlers.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{args::ReloadArgs, ask, exit, revisions};

pub(crate) fn reload(args: &ReloadArgs) -> anyhow::Result<ExitCode> {
    match &args.handler {
        Some(handler) => revisions::reload(handler, args.force, &args.daemon, args.json),
        None => configuration(args),
    }
}

fn configuration(args: &ReloadArgs) -> anyhow::Result<ExitCode> {
    let asked = Instant::now();
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
        eprintln!("{}", with_lines(args, problem));
        eprintln!("the daemon refuses the configuration: what runs goes on as it was");
        return Ok(ExitCode::from(exit::CONFIGURATION));
    }
    if !args.json {
        show(body);
    }
    let done = done_meanwhile(body, asked.elapsed());
    if names(done, "cut-short").is_empty() && names(done, "refused").is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::from(exit::FAILED))
}

/// What is wrong with the file, with its lines where they can be read here: the daemon hands them out to nobody.
fn with_lines(args: &ReloadArgs, problem: &str) -> String {
    let own = args
        .daemon
        .config
        .path()
        .map(|file| pelton_config::load(&file));
    match own {
        Ok(Err(pelton_config::Error::Invalid(report))) if report.without_lines() == problem => {
            report.to_string()
        }
        _ => problem.to_owned(),
    }
}

/// What was done since somebody asked: the daemon may have noticed the file before that reached it.
fn done_meanwhile(report: &Value, waited: Duration) -> &Value {
    let last = &report["last"];
    match last["seconds-ago"].as_u64() {
        Some(seconds) if seconds <= waited.as_secs() => last,
        _ => report,
    }
}

/// What has changed, for people.
fn show(report: &Value) {
    for line in handlers(report).iter().chain(&left_over(report)) {
        println!("{line}");
    }
    println!("unchanged: {}", names(report, "unchanged").len());
    let last = &report["last"];
    if let Some(seconds) = last["seconds-ago"].as_u64() {
        println!("taken in {seconds} s ago: {}", handlers(last).join(", "));
        for line in left_over(last) {
            println!("{line}");
        }
    }
}

fn handlers(change: &Value) -> Vec<String> {
    let of = |kind| {
        let names = names(change, kind).into_iter();
        names.map(move |name| format!("{kind}: {name}"))
    };
    ["added", "removed", "changed", "reconfigured"]
        .into_iter()
        .flat_map(of)
        .collect()
}

/// What those who ended could not finish.
fn left_over(change: &Value) -> Vec<String> {
    let undone = [
        (
            "unfinished",
            "messages begun and not finished, which may be repeated",
        ),
        (
            "uncommitted",
            "last commits that failed or are not certain, whose messages may be repeated",
        ),
    ];
    let undone = undone.into_iter().filter_map(|(key, what)| {
        let count = change[key].as_u64().filter(|count| *count > 0)?;
        Some(format!("{what}: {count}"))
    });
    let cut_short = names(change, "cut-short").into_iter().map(|name| {
        format!("not ended within the shutdown-timeout, what was in flight is repeated: {name}")
    });
    let refused = names(change, "refused").into_iter();
    let refused = refused.map(|why| format!("goes on as it was configured before: {why}"));
    undone.chain(cut_short).chain(refused).collect()
}

fn names<'r>(report: &'r Value, kind: &str) -> Vec<&'r str> {
    let names = report[kind].as_array().into_iter().flatten();
    names.filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_cut_short_is_told_and_counts_for_who_waited_for_it() {
        let change = json!({ "removed": ["slow"], "unfinished": 1, "cut-short": ["slow"] });
        let told = left_over(&change);
        assert!(told.len() == 2 && told[1].ends_with(": slow"), "{told:?}");
        let uncommitted = left_over(&json!({ "unfinished": 0, "uncommitted": 2 }));
        assert!(
            uncommitted.len() == 1 && uncommitted[0].starts_with("last commits"),
            "{uncommitted:?}"
        );
        let mut report = json!({ "unchanged": ["other"], "last": change });
        report["last"]["seconds-ago"] = 3.into();
        let kept = json!({ "refused": ["orders: no memory"] });
        assert_eq!(
            left_over(&kept),
            ["goes on as it was configured before: orders: no memory"]
        );
        let cut_short = |waited| {
            let change = done_meanwhile(&report, Duration::from_secs(waited));
            names(change, "cut-short").len()
        };
        assert_eq!((cut_short(2), cut_short(3)), (0, 1));
    }
}
