//! A handler that gets another name is one that goes and one that comes.

use std::{thread, time::Duration};

use anyhow::{Result, anyhow, ensure};
use pelton_harness::{Copies, Stage, TestCluster, orders};

use crate::support::{LIMIT, Scene};

#[test]
fn under_another_name_a_handler_goes_on_where_it_was() -> Result<()> {
    let cluster = TestCluster::shared();
    let client = cluster.client()?;
    let stage = Stage::new(cluster, "named", 2)?;
    let mut scene = Scene::start("beside-named", "")?;
    // The member's name is the same too: two that are there at once would put each other out.
    let kept = format!(
        "instance-id = \"one\"\ndead-letter = {{ topic = \"{}\" }}",
        stage.dead_letter
    );
    let part = stage.handler_config("passthrough", &kept);
    let table = format!("[handlers.{}]", stage.handler);
    let renamed = part.replace(&table, "[handlers.another-name]");
    let drafts = orders(6_000);
    scene.under_load(|scene| {
        scene.write(&part)?;
        scene.reloaded(1, "added=1 removed=0 changed=0 unchanged=1")?;
        thread::scope(|scope| {
            let load =
                scope.spawn(|| client.produce_over(&stage.input, &drafts, Duration::from_secs(4)));
            stage.wait_for_outputs(&client, 1_000)?;
            scene.write(&renamed)?;
            scene.reloaded(2, "added=1 removed=1 changed=0 unchanged=1")?;
            let sent = load
                .join()
                .map_err(|_| anyhow!("the load's thread panicked"))?;
            sent.map(drop)
        })?;
        client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)
    })?;
    Copies::of(&drafts, &client.read_all(&stage.output)?).exactly_once()?;
    ensure!(scene.daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}
