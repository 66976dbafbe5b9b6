//! config/compose.yaml: known to its schema, on the ports that it promises, and Pelton as it starts there.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, ensure};
use pelton_harness::{TestCluster, Version, cluster::free_ports, command::judge, paths};
use serde_json::{Value, json};

use super::{
    LIMIT, documents,
    engine::{Container, Mount},
    image,
    kubernetes::orders,
    shuts_down_within,
};

const FILE: &str = "config/compose.yaml";

fn service(name: &str) -> Result<Value> {
    let mut documents = documents(&[FILE])?;
    let file = documents.first_mut().context("an empty file")?;
    Ok(file["services"][name].take())
}

/// The service's folders as they are mounted; its named volumes are left to the image.
fn mounts(service: &Value) -> Result<Vec<Mount>> {
    let volumes = service["volumes"].as_array().context("no volumes")?;
    let mut mounts = Vec::new();
    for volume in volumes.iter().filter_map(Value::as_str) {
        let parts: Vec<&str> = volume.split(':').collect();
        if parts[0].starts_with('.') {
            let what = paths::repository().join("config").join(parts[0]);
            let what = what.canonicalize().with_context(|| volume.to_owned())?;
            let (to, writable) = (parts[1].to_owned(), parts.get(2) != Some(&"ro"));
            mounts.push(Mount { what, to, writable });
        }
    }
    Ok(mounts)
}

/// The configuration for this broker and this address.
fn moved(folder: &mut PathBuf, servers: &str, admin: &str) -> Result<()> {
    let own = paths::fresh_folder("compose")?;
    let text = fs::read_to_string(folder.join("pelton.toml"))?
        .replace("kafka:29092", servers)
        .replace("0.0.0.0:9640", admin);
    fs::write(own.join("pelton.toml"), text)?;
    fs::copy(folder.join("admin.token"), own.join("admin.token"))?;
    *folder = own;
    Ok(())
}

#[test]
fn compose_is_known_to_its_schema_and_promises_the_ports() -> Result<()> {
    let mut check = judge("check-jsonschema")?;
    image::done(check.args(["--builtin-schema", "vendor.compose-spec", FILE]))?;
    let ports = |name: &str| Ok::<_, anyhow::Error>(service(name)?["ports"].take());
    ensure!(ports("kafka")? == json!(["127.0.0.1:9092:9092", "127.0.0.1:29092:29092"]));
    ensure!(ports("kafka-ui")? == json!(["127.0.0.1:8080:8080"]));
    ensure!(ports("pelton")? == json!(["127.0.0.1:9640:9640"]));
    let pelton = service("pelton")?;
    ensure!(pelton["read_only"] == true && pelton["cap_drop"] == json!(["ALL"]));
    let grace = pelton["stop_grace_period"]
        .as_str()
        .and_then(|text| text.strip_suffix('s'));
    let within = shuts_down_within(&paths::repository().join("config/compose/pelton.toml"))?;
    ensure!(grace.context("no grace")?.parse::<u64>()? > within);
    Ok(())
}

#[test]
fn pelton_works_as_compose_starts_it() -> Result<()> {
    // The example names its topics, and another test here uses them.
    let cluster = TestCluster::start(Version::wanted())?;
    let client = cluster.client()?;
    cluster.create_topic_named("order-events", 4, &[])?;
    let admin = format!("127.0.0.1:{}", free_ports()?.0);
    let mut mounts = mounts(&service("pelton")?)?;
    let own = mounts.iter_mut().find(|mount| mount.to == "/etc/pelton");
    moved(
        &mut own.context("no /etc/pelton")?.what,
        cluster.bootstrap(),
        &admin,
    )?;
    let mut container = Container::start(image::shared()?, "compose", &mounts)?;
    container.wait_ready(&admin, LIMIT)?;
    client.produce("order-events", &orders(0..100))?;
    let audited = client.read_at_least("order-audit", 100, LIMIT)?;
    ensure!(audited.len() == 100, "{} audited", audited.len());
    ensure!(container.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}
