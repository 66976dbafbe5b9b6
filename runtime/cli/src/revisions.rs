//! `pelton reload HANDLER`, `rollback` and `revisions`: a running handler's component.

use std::{
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

use crate::{
    args::{DaemonArgs, HandlerArgs},
    ask, exit,
};

pub(crate) fn reload(
    handler: &str,
    force: bool,
    daemon: &DaemonArgs,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let query = if force { "reload?force=true" } else { "reload" };
    about(handler, daemon, json, "POST", query)
}

pub(crate) fn roll_back(args: &HandlerArgs) -> anyhow::Result<ExitCode> {
    about(&args.handler, &args.daemon, args.json, "POST", "rollback")
}

pub(crate) fn revisions(args: &HandlerArgs) -> anyhow::Result<ExitCode> {
    about(&args.handler, &args.daemon, args.json, "GET", "revisions")
}

fn about(
    name: &str,
    daemon: &DaemonArgs,
    json: bool,
    method: &str,
    what: &str,
) -> anyhow::Result<ExitCode> {
    let body = match ask::of_handler(daemon, method, name, what)? {
        Ok(body) => body,
        Err(refused) => return Ok(refused),
    };
    let body = &body;
    if json {
        println!("{}", serde_json::to_string_pretty(body)?);
    } else {
        show(body);
    }
    Ok(match body["problem"].as_str() {
        Some(problem) => exit::refuse(exit::FAILED, problem),
        None => ExitCode::SUCCESS,
    })
}

/// The report, for people.
fn show(report: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let named = |value: &Value| {
        let (revision, component) = (text(&value["revision"]), text(&value["component"]));
        format!("revision {revision} (component {component:.12})")
    };
    let handler = text(&report["handler"]);
    match &report["running"] {
        Value::Null => println!("{handler}: nothing runs"),
        running => println!("{handler}: {} runs", named(running)),
    }
    if let Some(until) = report["probation"]["until"].as_u64() {
        let (votes, of) = (&report["probation"]["votes"], &report["probation"]["of"]);
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let left = Duration::from_millis(until).saturating_sub(now);
        let left = humantime::format_duration(Duration::from_secs(left.as_secs()));
        println!("  on probation for {left} more: {votes} of {of} votes against it");
    }
    if !report["previous"].is_null() {
        println!("  before it: {}", named(&report["previous"]));
    }
    if report["loading"] == true {
        println!("  another component is being compiled or tried");
    }
    if !report["refused"].is_null() {
        let component = text(&report["refused"]["component"]);
        println!(
            "  refused: component {component:.12}: {}",
            text(&report["refused"]["why"])
        );
    }
    let time = |millis: &Value| {
        let since = Duration::from_millis(millis.as_u64().unwrap_or_default());
        humantime::format_rfc3339_seconds(UNIX_EPOCH + since)
    };
    let fault = &report["last-fault"];
    if !fault.is_null() {
        println!(
            "  last fault: {}  {} at {} offset {}, revision {}",
            time(&fault["at"]),
            text(&fault["kind"]),
            text(&fault["partition"]),
            fault["offset"],
            text(&fault["revision"])
        );
        for line in text(&fault["text"]).lines() {
            println!("    {line}");
        }
    }
    for transition in report["history"].as_array().into_iter().flatten() {
        let at = time(&transition["at"]);
        println!("  {at}  {}", text(&transition["what"]));
    }
}
