//! What is shipped for containers: the image's file system, made as the Containerfile says and started as an engine
//! would; and the manifests that start it elsewhere, held against their types and carried out.
//!
//! No container engine runs here: docs/operating.md says what is therefore not shown.

use std::{fs, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use pelton_harness::{
    Copies, Stage, TestCluster, cluster::free_ports, command::judge, load::flows_while, orders,
    paths,
};
use serde_json::Value;

#[path = "container/compose.rs"]
mod compose;
#[path = "container/containerfile.rs"]
mod containerfile;
#[path = "container/engine.rs"]
mod engine;
#[path = "container/image.rs"]
mod image;
#[path = "container/kubernetes.rs"]
mod kubernetes;

use engine::{Container, Mount};

const LIMIT: Duration = Duration::from_secs(60);

/// The documents of YAML files, if Kubernetes' and KEDA's types have no objection.
fn documents(files: &[&str]) -> Result<Vec<Value>> {
    let output = judge("python")?
        .arg("tests/tools/manifests.py")
        .args(files)
        .output()?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{words}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// What Pelton shuts down within, in seconds, under this configuration.
fn shuts_down_within(configuration: &std::path::Path) -> Result<u64> {
    let mut show = Command::new(paths::pelton()?);
    let output = show
        .args(["config", "show", "-c"])
        .arg(configuration)
        .output()?;
    let shown = String::from_utf8_lossy(&output.stdout);
    let value = shown.split("shutdown-timeout = \"").nth(1);
    let seconds = value
        .and_then(|rest| rest.split_once("s\""))
        .context("no shutdown-timeout")?;
    Ok(seconds.0.parse()?)
}

/// The folder that is mounted at /etc/pelton.
fn configuration(stage: &Stage, admin: &str) -> Result<Mount> {
    let what = paths::fresh_folder("etc-pelton")?;
    let text = stage.config("passthrough", "");
    let text = format!("{text}\n[admin]\nlisten = {admin:?}\n");
    fs::write(what.join("pelton.toml"), text)?;
    fs::copy(paths::guest("passthrough")?, what.join("passthrough.wasm"))?;
    Ok(Mount {
        what,
        to: "/etc/pelton".to_owned(),
        writable: false,
    })
}

/// As whom it runs, with which rights, and what it may write to, in the kernel's own words.
fn is_confined(container: &Container, folders: &[String]) -> Result<()> {
    let status = container.told("status")?;
    let says = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.map(|rest| rest.split_whitespace().collect::<Vec<_>>())
            .with_context(|| format!("no {name}"))
    };
    ensure!(says("Uid:")? == ["65532"; 4], "{status}");
    ensure!(says("Gid:")? == ["65532"; 4], "{status}");
    ensure!(says("Groups:")?.is_empty(), "{status}");
    ensure!(says("CapEff:")? == ["0000000000000000"], "{status}");
    ensure!(says("NoNewPrivs:")? == ["1"], "{status}");
    ensure!(says("NSpid:")?.last() == Some(&"1"), "{status}");
    let mounts = container.told("mountinfo")?;
    let fields = mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>());
    let writable = fields
        .filter(|field| field[5].split(',').any(|option| option == "rw"))
        .map(|field| field[4].to_owned())
        .filter(|path| path != "/proc" && !path.starts_with("/dev/"));
    let mut writable: Vec<String> = writable.collect();
    writable.sort();
    ensure!(writable == folders, "it may write to {writable:?}");
    Ok(())
}

#[test]
fn the_image_works_read_only_and_not_as_root_is_healthy_and_stops_without_a_loss() -> Result<()> {
    let image = image::shared()?;
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "contained", 2)?);
    let admin = format!("127.0.0.1:{}", free_ports()?.0);
    let mounts = [configuration(&stage, &admin)?];
    let mut container = Container::start(image, "container", &mounts)?;
    container.wait_ready(&admin, LIMIT)?;
    let folders = image.settings.environment.iter().map(|(_, path)| path);
    let folders: Vec<String> = folders.cloned().collect();
    is_confined(&container, &folders)?;
    let health = container.health()?;
    ensure!(health.status.success(), "{health:?}");
    let drafts = orders(20_000);
    let (sent, ()) = flows_while(&client, &stage.input, (&drafts, 1000), || {
        stage.wait_for_outputs(&client, 2000)?;
        ensure!(container.stop(LIMIT)? == 0, "a clean stop");
        container = Container::start(image, "container-again", &mounts)?;
        container.wait_ready(&admin, LIMIT)
    })?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let outputs = client.read_all(&stage.output)?;
    Copies::of(&drafts[..sent], &outputs).exactly_once()?;
    let kept = fs::read_dir(format!("/proc/{}/root/var/cache/pelton", container.id))?;
    ensure!(kept.count() > 0, "no compiled code in the volume");
    ensure!(container.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

#[test]
fn the_health_check_finds_a_process_that_does_not_move() -> Result<()> {
    let image = image::shared()?;
    let cluster = TestCluster::shared();
    let stage = Stage::new(cluster, "frozen-container", 1)?;
    let admin = format!("127.0.0.1:{}", free_ports()?.0);
    let mut container = Container::start(image, "frozen", &[configuration(&stage, &admin)?])?;
    container.wait_ready(&admin, LIMIT)?;
    let signal = |name: &str| {
        let id = container.id.to_string();
        image::done(Command::new("kill").args(["-s", name, &id]))
    };
    signal("STOP")?;
    let health = container.health()?;
    signal("CONT")?;
    ensure!(health.status.code() == Some(1), "{health:?}");
    let health = container.health()?;
    ensure!(health.status.success(), "{health:?}");
    ensure!(container.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}
