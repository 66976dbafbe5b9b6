//! `pelton invoke`: one message through one component, without a broker.

mod environment;
mod message;

use std::process::ExitCode;

use anyhow::Context;
use pelton_config::{Log, LogFormat};
use pelton_engine::{Call, Curtail, Engine, Outcome};
use pelton_types::{Message, Output, Verdict};

use self::environment::Environment;
use crate::{args::InvokeArgs, exit, logging, run};

pub(crate) fn invoke(args: &InvokeArgs) -> anyhow::Result<ExitCode> {
    logging::begin(&Log {
        format: LogFormat::Text,
        filter: "warn,pelton::guest=trace".to_owned(),
    })?;
    let environment = match Environment::of(args)? {
        Ok(environment) => environment,
        Err(why) => return Ok(exit::refuse(exit::USAGE, why)),
    };
    let message = message::message(args)?;
    let outcome = run::on_runtime(call(args, environment, &message))?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&json(&outcome))?);
    } else {
        print(&outcome);
    }
    Ok(match outcome.verdict {
        Verdict::Done { .. } => ExitCode::SUCCESS,
        Verdict::Failed(_) | Verdict::NotAttempted => ExitCode::from(exit::FAILED),
    })
}

async fn call(
    args: &InvokeArgs,
    environment: Environment,
    message: &Message,
) -> anyhow::Result<Outcome> {
    let Environment { engine, env } = environment;
    let file = args.file.display();
    let engine = Engine::new(&engine).context("the WebAssembly engine can't start")?;
    let bytes = pelton_daemon::read_component(&args.file, engine.max_component_bytes())
        .with_context(|| format!("{file} can't be read"))?;
    let revision = pelton_daemon::load_component(&engine, &args.file, &bytes, &env)
        .with_context(|| file.to_string())?;
    revision.trial().await.with_context(|| file.to_string())?;
    let answer = revision
        .call(Call {
            messages: &[(message, args.attempt)],
            fresh: true,
            curtail: &Curtail::new(),
        })
        .await;
    answer
        .outcomes
        .into_iter()
        .next()
        .context("the component gave no answer")
}

fn print(outcome: &Outcome) {
    match &outcome.verdict {
        Verdict::Done { outputs: 0 } => println!("done, no output: the message is filtered"),
        Verdict::Done { outputs } => println!(
            "done, {outputs} output{}",
            if *outputs == 1 { "" } else { "s" }
        ),
        Verdict::Failed(failure) => println!("failed ({}): {}", failure.kind, failure.text),
        Verdict::NotAttempted => println!("the component did not come to the message"),
    }
    for output in &outcome.outputs {
        println!(
            "\n-> {}",
            output
                .topic
                .as_deref()
                .unwrap_or("(the handler's first output)")
        );
        println!("   key    {}", shown(output.key.as_deref()));
        for header in &output.headers {
            println!(
                "   header {}={}",
                shown(Some(header.name)),
                shown(header.value)
            );
        }
        println!("   value  {}", shown(output.value.as_deref()));
    }
}

fn shown(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(
        || "null".to_owned(),
        |bytes| {
            String::from_utf8_lossy(bytes)
                .escape_debug()
                .to_string()
                .replace("\\\"", "\"")
        },
    )
}

fn json(outcome: &Outcome) -> serde_json::Value {
    let text =
        |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let output = |output: &Output| {
        let headers: Vec<_> = output
            .headers
            .iter()
            .map(|h| serde_json::json!([text(Some(h.name)), text(h.value)]))
            .collect();
        serde_json::json!({
            "topic": output.topic.as_deref(),
            "partition": output.partition,
            "key": text(output.key.as_deref()),
            "value": text(output.value.as_deref()),
            "headers": headers,
        })
    };
    let outputs: Vec<_> = outcome.outputs.iter().map(output).collect();
    match &outcome.verdict {
        Verdict::Done { .. } => serde_json::json!({ "verdict": "done", "outputs": outputs }),
        Verdict::Failed(failure) => {
            serde_json::json!({ "verdict": "failed", "kind": failure.kind.as_str(), "text": failure.text, "outputs": [] })
        }
        Verdict::NotAttempted => serde_json::json!({ "verdict": "not-attempted", "outputs": [] }),
    }
}
