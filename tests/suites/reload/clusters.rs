//! A cluster's properties change: its handlers begin anew with them, and those of other clusters go on.

use anyhow::{Result, ensure};
use pelton_harness::{Copies, Stage, TestCluster, load::flows_while, orders};

use crate::support::{LIMIT, Scene};

/// Messages of each handler in half a second, and more than there is time for.
const STEP: usize = 300;
const MOST: usize = 60_000;

/// A second name for the same brokers, with these properties, and what runs on it.
fn second(stages: &[Stage; 2], properties: &str) -> String {
    let servers = TestCluster::shared().bootstrap().replace(',', "\", \"");
    let mut text = format!(
        "[clusters.second]\nbootstrap-servers = [\"{servers}\"]\nproperties = {{ {properties} }}\n"
    );
    for stage in stages {
        text.push_str(&stage.handler_config("passthrough", "cluster = \"second\""));
    }
    text
}

/// The property changes in the middle of both handlers' messages.
fn changes(scene: &mut Scene, stages: &[Stage; 2]) -> Result<()> {
    let client = TestCluster::shared().client()?;
    for stage in stages {
        stage.wait_for_outputs(&client, STEP)?;
    }
    scene.write(&second(stages, "\"client.rack\" = \"two\""))?;
    scene.reloaded(2, "added=0 removed=0 changed=2 unchanged=1")?;
    let changed = scene.daemon.log_lines("handler changed");
    for stage in stages {
        let told = |line: &&String| line.contains(&stage.handler) && line.contains("its cluster");
        ensure!(changed.iter().filter(told).count() == 1, "{changed:?}");
        let before = client.ends(&stage.output)?.iter().sum::<i64>();
        stage.wait_for_outputs(&client, before as usize + STEP)?;
    }
    Ok(())
}

#[test]
fn a_cluster_s_changed_property_is_taken_up_by_its_handlers_and_by_nobody_else() -> Result<()> {
    let cluster = TestCluster::shared();
    let client = cluster.client()?;
    let stages = [
        Stage::new(cluster, "second-one", 2)?,
        Stage::new(cluster, "second-two", 2)?,
    ];
    // The neighbour is on a cluster of another name, and has no rebalance.
    let mut scene = Scene::start("first", "")?;
    let (drafts, mut sent) = (orders(MOST), [0; 2]);
    scene.under_load(|scene| {
        scene.write(&second(&stages, "\"client.rack\" = \"one\""))?;
        scene.reloaded(1, "added=2 removed=0 changed=0 unchanged=1")?;
        let [one, two] = &stages;
        let (first, (second, ())) = flows_while(&client, &one.input, (&drafts, STEP), || {
            flows_while(&client, &two.input, (&drafts, STEP), || {
                changes(scene, &stages)
            })
        })?;
        sent = [first, second];
        for stage in &stages {
            client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
            client.wait_for_shares(&stage.group, &[2], LIMIT)?;
        }
        Ok(())
    })?;
    for (stage, sent) in stages.iter().zip(sent) {
        let outputs = client.read_all(&stage.output)?;
        Copies::of(&drafts[..sent], &outputs).exactly_once()?;
    }
    ensure!(scene.daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}
