//! A handler that asks an HTTP service for each message: the example `enrich`, as it is granted to.

use std::{collections::HashMap, time::Duration};

use anyhow::{Result, ensure};
use pelton_harness::{Draft, Message, Service, Stage, TestCluster, wait};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(90);
const MESSAGES: usize = 1_000;
const USERS: usize = 100;
/// What the service takes for an answer. Nothing here is measured: it makes requests meet.
const TAKES: Duration = Duration::from_millis(10);

fn users(path: &str) -> (u16, String) {
    match path.strip_prefix("/v1/user-") {
        Some(user) => (200, format!(r#"{{"name":"Name {user}","tier":"gold"}}"#)),
        None => (404, String::new()),
    }
}

fn config(service: &Service, grants: &str) -> String {
    let origin = service.origin();
    format!(
        "order = \"key\"\ngrants = {{ {grants} }}\nsettings = {{ users = \"{origin}/v1\" }}\n\
         retry = {{ attempts = 1 }}"
    )
}

/// The events of each user, in the order in which they stand in their partition.
fn events(
    messages: &[Message],
    event: fn(&Message) -> Result<String>,
) -> Result<HashMap<String, Vec<String>>> {
    let mut events: HashMap<String, Vec<String>> = HashMap::new();
    for message in messages {
        events
            .entry(message.key_text())
            .or_default()
            .push(event(message)?);
    }
    Ok(events)
}

#[test]
fn many_messages_ask_at_once_and_each_user_s_stay_in_order() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "enrich", 4)?);
    let service = Service::start(TAKES, users)?;
    let mut drafts: Vec<Draft> = (0..MESSAGES)
        .map(|n| Draft::new(format!("user-{}", n % USERS), format!("event {n}")))
        .collect();
    drafts.push(Draft::new("nobody", "event"));
    client.produce(&stage.input, &drafts)?;
    let grants = format!("http = [\"{}\"]", service.origin());
    let mut daemon = stage
        .daemon("enrich", &config(&service, &grants))?
        .start()?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let inputs = client.read_all(&stage.input)?;
    let outputs = client.read_all(&stage.output)?;
    ensure!(outputs.len() == MESSAGES, "{} outputs", outputs.len());
    let mut expected = events(&inputs, |message| Ok(message.value_text()))?;
    expected.remove("nobody");
    let came = events(&outputs, |message| {
        let value: Value = serde_json::from_str(&message.value_text())?;
        let user = message.key_text();
        let named = user.strip_prefix("user-").unwrap_or_default();
        ensure!(value["name"] == format!("Name {named}"), "{user}: {value}");
        Ok(value["event"].as_str().unwrap_or_default().to_owned())
    })?;
    ensure!(came == expected, "a user's events are not in their order");
    let dead = client.read_all(&stage.dead_letter)?;
    ensure!(
        dead.len() == 1 && dead[0].key_text() == "nobody",
        "{dead:?}"
    );
    let (asked, most) = (service.requests(), service.most_at_once());
    println!("{asked} requests, {most} of them at once at the most");
    ensure!(asked > MESSAGES, "{asked} requests");
    ensure!(most >= 8, "at most {most} requests were under way at once");
    ensure!(daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

#[test]
fn without_its_grant_the_handler_is_refused_and_with_another_each_message_fails() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "denied", 1)?);
    let service = Service::start(Duration::ZERO, users)?;
    client.produce(&stage.input, &[Draft::new("user-1", "event")])?;
    let mut refused = stage.daemon("enrich", &config(&service, ""))?.start()?;
    let line = format!("in [handlers.{}.grants]", stage.handler);
    refused.wait_for_log(&line, LIMIT)?;
    drop(refused);
    let other = "http = [\"http://127.0.0.1:1\"]";
    let mut daemon = stage.daemon("enrich", &config(&service, other))?.start()?;
    wait::until_true("the dead letter", LIMIT, || {
        Ok(!client.read_all(&stage.dead_letter)?.is_empty())
    })?;
    daemon.wait_for_log("its origin is not granted", LIMIT)?;
    ensure!(service.requests() == 0, "{} requests", service.requests());
    ensure!(daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}
