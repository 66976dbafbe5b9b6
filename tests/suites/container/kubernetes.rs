//! The manifests of config/kubernetes: known to their types, in agreement with each other and with the image, and the pod
//! as they describe it, whose ConfigMaps change as a kubelet changes them.

use std::{
    fs,
    os::unix::fs::{chown, symlink},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use pelton_harness::{
    Client, Draft, TestCluster, cluster::free_ports, component, http, load::flows_while, paths,
};
use serde_json::Value;

use super::{
    LIMIT, documents,
    engine::{Container, Mount},
    image, shuts_down_within,
};

const POD: &str = "config/kubernetes/pelton.yaml";
const SCALING: &str = "config/kubernetes/keda.yaml";

/// The document of a kind.
fn of<'a>(documents: &'a [Value], kind: &str) -> Result<&'a Value> {
    let found = documents.iter().find(|one| one["kind"] == kind);
    found.with_context(|| format!("no {kind}"))
}

fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.with_context(|| format!("no {pointer} in {value}"))
}

/// A folder as a kubelet keeps one for a projected volume.
struct Projected {
    folder: PathBuf,
    turns: u32,
}

impl Projected {
    fn new() -> Result<Self> {
        let folder = paths::fresh_folder("projected")?;
        Ok(Self { folder, turns: 0 })
    }

    /// Turns it to these files, in the kubelet's order of steps.
    fn turn(&mut self, files: &[(&str, &[u8])]) -> Result<()> {
        self.turns += 1;
        let turn = format!("..{}", self.turns);
        fs::create_dir(self.folder.join(&turn))?;
        for (name, content) in files {
            fs::write(self.folder.join(&turn).join(name), content)?;
        }
        symlink(&turn, self.folder.join("..data_tmp"))?;
        fs::rename(self.folder.join("..data_tmp"), self.folder.join("..data"))?;
        for (name, _) in files.iter().filter(|_| self.turns == 1) {
            symlink(format!("..data/{name}"), self.folder.join(name))?;
        }
        if self.turns > 1 {
            fs::remove_dir_all(self.folder.join(format!("..{}", self.turns - 1)))?;
        }
        Ok(())
    }
}

/// What is mounted: the projected folder, and for the rest folders of the pod's group.
fn mounts(pod: &Value, projected: &Path) -> Result<Vec<Mount>> {
    let group = pod["securityContext"]["fsGroup"]
        .as_u64()
        .context("no fsGroup")?;
    let volumes = pod["volumes"].as_array().context("no volumes")?;
    let wanted = pod["containers"][0]["volumeMounts"].as_array();
    let mount = |wanted: &Value| {
        let volume = volumes.iter().find(|one| one["name"] == wanted["name"]);
        let volume = volume.with_context(|| format!("no volume {}", wanted["name"]))?;
        let what = if volume["projected"].is_object() {
            projected.to_owned()
        } else {
            ensure!(volume["emptyDir"].is_object(), "{volume}");
            let folder = paths::fresh_folder("empty-dir")?;
            chown(&folder, Some(group as u32), Some(group as u32))?;
            folder
        };
        Ok(Mount {
            what,
            to: text(wanted, "/mountPath")?.to_owned(),
            writable: wanted["readOnly"] != true,
        })
    };
    wanted
        .context("no volumeMounts")?
        .iter()
        .map(mount)
        .collect()
}

#[test]
fn the_manifests_are_known_to_their_types_and_agree_with_the_image_and_each_other() -> Result<()> {
    let documents = documents(&[POD, SCALING])?;
    let settings = &image::shared()?.settings;
    let deployment = of(&documents, "Deployment")?;
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    ensure!(
        pod["securityContext"]["runAsUser"] == settings.user.0,
        "another user"
    );
    ensure!(container["command"].is_null() && container["args"].is_null());
    ensure!(container["securityContext"]["readOnlyRootFilesystem"] == true);
    ensure!(
        container["ports"][0]["containerPort"] == settings.port,
        "another port"
    );
    let port = &container["ports"][0]["name"];
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        ensure!(&container[probe]["httpGet"]["port"] == port, "{probe}");
    }
    let mounted: Vec<String> = mounts(pod, Path::new(""))?
        .into_iter()
        .map(|one| one.to)
        .collect();
    ensure!(
        settings.volumes.iter().all(|path| mounted.contains(path)),
        "{mounted:?}"
    );
    ensure!(mounted.contains(&settings.folder), "{mounted:?}");
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    ensure!(of(&documents, "Service")?["spec"]["selector"] == *labels);
    for kind in ["Deployment", "PodDisruptionBudget"] {
        let selected = &of(&documents, kind)?["spec"]["selector"]["matchLabels"];
        ensure!(selected == labels, "{kind} selects {selected}");
    }
    let scaled = of(&documents, "ScaledObject")?;
    ensure!(scaled["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]);
    let configuration = text(of(&documents, "ConfigMap")?, "/data/pelton.toml")?;
    let trigger = &scaled["spec"]["triggers"][0]["metadata"];
    for (key, place) in [
        ("bootstrap-servers = [", "/bootstrapServers"),
        ("group = ", "/consumerGroup"),
        ("topics = [", "/topic"),
    ] {
        let line = format!("{key}{:?}", text(trigger, place)?);
        ensure!(configuration.contains(&line), "{POD} has no {line}");
    }
    let file = paths::fresh_folder("shown")?.join("pelton.toml");
    fs::write(&file, configuration)?;
    let patience = pod["terminationGracePeriodSeconds"].as_u64();
    ensure!(patience.context("no grace")? > shuts_down_within(&file)?);
    Ok(())
}

/// Orders of 49.90, which are large where the setting says so.
pub fn orders(range: std::ops::Range<usize>) -> Vec<Draft> {
    let order = |n| {
        let value = format!(
            r#"{{"orderId":"order-{n}","userId":"user-1","amount":49.9,"currency":"EUR","status":"created"}}"#
        );
        Draft::new(format!("order-{n}"), value)
    };
    range.map(order).collect()
}

/// How many of these orders stand in the audit trail, each once, as large and as not large.
fn audited(client: &Client, sent: usize) -> Result<[usize; 2]> {
    let trail = client.read_all("order-audit")?;
    let mut keys: Vec<String> = trail.iter().map(|message| message.key_text()).collect();
    keys.sort();
    keys.dedup();
    ensure!(
        keys.len() == sent && trail.len() == sent,
        "{} of {sent}, {} different",
        trail.len(),
        keys.len()
    );
    let large = trail
        .iter()
        .filter(|one| one.value_text().contains(r#""large":true"#))
        .count();
    Ok([large, sent - large])
}

#[test]
fn a_pod_takes_in_what_its_config_maps_become_while_messages_flow() -> Result<()> {
    let cluster = TestCluster::shared();
    let client = cluster.client()?;
    for (topic, partitions) in [
        ("order-events", 4),
        ("notifications", 4),
        ("order-audit", 4),
        ("order-events.dead", 1),
    ] {
        cluster.create_topic_named(topic, partitions, &[])?;
    }
    let documents = documents(&[POD])?;
    let pod = of(&documents, "Deployment")?["spec"]["template"]["spec"].clone();
    let admin = format!("127.0.0.1:{}", free_ports()?.0);
    let shipped = text(of(&documents, "ConfigMap")?, "/data/pelton.toml")?;
    let configured = |threshold: &str| {
        let (_, port) = admin.split_once(':').unwrap_or_default();
        let text = shipped
            .replace("kafka.kafka.svc:9092", cluster.bootstrap())
            .replace("0.0.0.0:9640", &format!("0.0.0.0:{port}"));
        text.replace("large-amount = 100", &format!("large-amount = {threshold}"))
    };
    let first = fs::read(paths::guest("order_processing")?)?;
    let second = component::variant(&first, 2);
    let token = b"0123456789abcdef0123".as_slice();
    let mut volume = Projected::new()?;
    let mut turn = |threshold: &str, component: &[u8]| {
        volume.turn(&[
            ("pelton.toml", configured(threshold).as_bytes()),
            ("order_processing.wasm", component),
            ("admin.token", token),
        ])?;
        Ok::<_, anyhow::Error>(volume.folder.clone())
    };
    let folder = turn("100", &first)?;
    let mut container = Container::start(image::shared()?, "pod", &mounts(&pod, &folder)?)?;
    container.wait_ready(&admin, LIMIT)?;
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let path = text(&pod["containers"][0][probe], "/httpGet/path")?;
        ensure!(http::get(&admin, path)?.status == 200, "{probe}");
    }
    ensure!(
        http::get(&admin, "/v1/status")?.status == 401,
        "it needs no token"
    );
    let drafts = orders(0..40_000);
    let (sent, ()) = flows_while(&client, "order-events", (&drafts, 500), || {
        turn("100", &second)?;
        container
            .process
            .wait_for_log_times("revision swapped in", 1, LIMIT)?;
        turn("10", &second)?;
        container
            .process
            .wait_for_log_times("revision swapped in", 2, LIMIT)
    })?;
    client.produce("order-events", &orders(sent..sent + 10))?;
    client.wait_for_all_committed("order-processing-service", "order-events", LIMIT)?;
    let [large, small] = audited(&client, sent + 10)?;
    ensure!(large >= 10 && small > 0, "{large} large, {small} not");
    ensure!(
        container.process.log_count("partitions revoked") == 0,
        "a rebalance"
    );
    ensure!(container.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}
