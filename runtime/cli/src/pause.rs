//! `pelton pause HANDLER` and `resume`.

use std::process::ExitCode;

use crate::{args::HandlerArgs, ask};

pub(crate) fn pause(args: &HandlerArgs) -> anyhow::Result<ExitCode> {
    let done = "is paused: what is under way is finished and committed, its partitions stay";
    suspend(args, "pause", done, "was paused already")
}

pub(crate) fn resume(args: &HandlerArgs) -> anyhow::Result<ExitCode> {
    suspend(args, "resume", "goes on", "was not paused")
}

fn suspend(args: &HandlerArgs, what: &str, done: &str, before: &str) -> anyhow::Result<ExitCode> {
    let body = match ask::of_handler(&args.daemon, "POST", &args.handler, what)? {
        Ok(body) => body,
        Err(refused) => return Ok(refused),
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&body)?);
        return Ok(ExitCode::SUCCESS);
    }
    let told = if body["changed"] == true {
        done
    } else {
        before
    };
    println!("{} {told}", args.handler);
    Ok(ExitCode::SUCCESS)
}
