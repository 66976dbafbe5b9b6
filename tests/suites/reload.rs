//! The configuration of a running daemon changes: handlers come, go and change, and their neighbours notice nothing.

#[path = "reload/clusters.rs"]
mod clusters;
#[path = "reload/confined.rs"]
mod confined;
#[path = "reload/cut_short.rs"]
mod cut_short;
#[path = "reload/reconfigured.rs"]
mod reconfigured;
#[path = "reload/refused.rs"]
mod refused;
#[path = "reload/renamed.rs"]
mod renamed;
#[path = "reload/signals.rs"]
mod signals;
#[path = "reload/support.rs"]
mod support;
#[path = "reload/trials.rs"]
mod trials;

use std::{process::Command, time::Duration};

use anyhow::{Result, ensure};
use pelton_harness::{Copies, Draft, Stage, TestCluster, command::pelton, orders, paths, wait};
use serde_json::Value;

use support::{LIMIT, Scene, committed, pass};

const EXACTLY_ONCE: &str = r#"guarantee = "exactly-once""#;

/// Messages of a handler that is not the neighbour, before and after something happens to it.
fn halves() -> (Vec<Draft>, Vec<Draft>) {
    let mut all = orders(1_000);
    let second = all.split_off(500);
    (all, second)
}

#[test]
fn handlers_are_added_changed_and_removed_while_a_neighbour_works() -> Result<()> {
    let cluster = TestCluster::shared();
    let client = cluster.client()?;
    let other = Stage::new(cluster, "comes-and-goes", 2)?;
    let elsewhere = cluster.create_topic("elsewhere", 2, &[])?;
    let mut scene = Scene::start("neighbour", "")?;
    let (first, second) = halves();
    let part = other.handler_config("passthrough", "");
    scene.under_load(|scene| {
        scene.write(&part)?;
        scene.reloaded(1, "added=1 removed=0 changed=0 unchanged=1")?;
        told_by_whoever_asks_then(scene, &other.handler)?;
        pass(&client, &other, &first)?;
        // Where it writes to is its own, and no part of its component.
        scene.write(&part.replace(&other.output, &elsewhere))?;
        scene.reloaded(3, "added=0 removed=0 changed=1 unchanged=1")?;
        pass(&client, &other, &second)?;
        scene.write("")?;
        scene.reloaded(4, "added=0 removed=1 changed=0 unchanged=1")
    })?;
    Copies::of(&first, &client.read_all(&other.output)?).exactly_once()?;
    Copies::of(&second, &client.read_all(&elsewhere)?).exactly_once()?;
    // It has left its group, as at a stop.
    wait::until_true("the group to be empty", LIMIT, || {
        Ok(client
            .group(&other.group)?
            .is_none_or(|group| group.members.is_empty()))
    })?;
    let metrics = scene.daemon.get("/metrics")?.body;
    ensure!(
        !metrics.contains(&other.handler),
        "it is still counted:\n{metrics}"
    );
    ensure!(
        scene.daemon.metric("pelton_reloads_total", &["done"])? == 4.0,
        "four reloads"
    );
    ensure!(scene.daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

/// The watcher was faster: that this handler was added stands in the answer all the same.
fn told_by_whoever_asks_then(scene: &Scene, added: &str) -> Result<()> {
    let output = Command::new(paths::pelton()?)
        .arg("reload")
        .current_dir(scene.folder())
        .output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    let last = told.lines().find(|line| line.starts_with("taken in "));
    let wanted = format!(" s ago: added: {added}");
    ensure!(
        told.contains("unchanged: 2") && last.is_some_and(|line| line.ends_with(&wanted)),
        "{told}"
    );
    Ok(())
}

#[test]
fn exactly_once_handlers_are_added_changed_and_removed_beside_one_that_works() -> Result<()> {
    let cluster = TestCluster::shared();
    let client = cluster.client()?;
    let other = Stage::new(cluster, "once-changed", 2)?;
    let mut scene = Scene::start("once-neighbour", EXACTLY_ONCE)?;
    let drafts = orders(6_000);
    scene.under_load(|scene| {
        scene.write(&other.handler_config("passthrough", EXACTLY_ONCE))?;
        scene.reloaded(1, "added=1 removed=0 changed=0 unchanged=1")?;
        std::thread::scope(|scope| {
            // It is changed in the middle of its messages.
            let load =
                scope.spawn(|| client.produce_over(&other.input, &drafts, Duration::from_secs(4)));
            other.wait_for_outputs(&client, 1_000)?;
            let static_member = format!("{EXACTLY_ONCE}\ninstance-id = \"one\"");
            scene.write(&other.handler_config("passthrough", &static_member))?;
            scene.reloaded(2, "added=0 removed=0 changed=1 unchanged=1")?;
            // A static member begins anew under its own name, and its group never notices.
            client.wait_for_shares(&other.group, &[2], LIMIT)?;
            let generation = cluster.generation(&other.group);
            let quick = format!("{static_member}\nbatch = {{ messages = 7 }}");
            scene.write(&other.handler_config("passthrough", &quick))?;
            scene.reloaded(3, "added=0 removed=0 changed=1 unchanged=1")?;
            client.wait_for_shares(&other.group, &[2], LIMIT)?;
            ensure!(generation.is_some(), "the broker's log names no generation");
            assert_eq!(cluster.generation(&other.group), generation);
            let sent = load
                .join()
                .map_err(|_| anyhow::anyhow!("the load's thread panicked"))?;
            sent.map(drop)
        })?;
        client.wait_for_all_committed(&other.group, &other.input, LIMIT)?;
        scene.write("")?;
        scene.reloaded(4, "added=0 removed=1 changed=0 unchanged=1")
    })?;
    Copies::of(&drafts, &client.read_all(&other.output)?).exactly_once()?;
    ensure!(scene.daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

#[test]
fn one_that_is_removed_amid_slow_messages_drains_and_goes_on_where_it_was() -> Result<()> {
    let cluster = TestCluster::shared();
    let client = cluster.client()?;
    let slow = Stage::new(cluster, "slow-removed", 1)?;
    let mut scene = Scene::start("beside-slow", "")?;
    let part = slow.handler_config("misbehave", "batch = { messages = 1 }");
    // What is committed when it leaves is committed by its drain.
    let patient = part.replace(r#"commit-interval = "200ms""#, r#"commit-interval = "30s""#);
    let drafts: Vec<_> = (0..40)
        .map(|n| Draft::new("k", format!("slow:{}", 100 + n)))
        .collect();
    scene.under_load(|scene| {
        scene.write(&patient)?;
        scene.reloaded(1, "added=1 removed=0 changed=0 unchanged=1")?;
        client.produce(&slow.input, &drafts)?;
        slow.wait_for_outputs(&client, 5)?;
        scene.write("")?;
        scene.reloaded(2, "added=0 removed=1 changed=0 unchanged=1")?;
        // What came out is what is committed, and there is more to do.
        let done = client.read_all(&slow.output)?.len();
        ensure!(done < drafts.len(), "it was over before it was removed");
        assert_eq!(committed(&client, &slow)?, [Some(done as i64)]);
        scene.write(&part)?;
        scene.reloaded(3, "added=1 removed=0 changed=0 unchanged=1")?;
        client.wait_for_all_committed(&slow.group, &slow.input, LIMIT)
    })?;
    Copies::of(&drafts, &client.read_all(&slow.output)?).exactly_once()?;
    ensure!(scene.daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

#[test]
fn a_drain_that_runs_into_its_bound_is_told_and_the_message_is_handled_again() -> Result<()> {
    let cluster = TestCluster::shared();
    let client = cluster.client()?;
    let stuck = Stage::new(cluster, "overdue-removed", 1)?;
    let mut scene = Scene::start("beside-overdue", "")?;
    let part = stuck
        .handler_config("misbehave", r#"limits = { time-per-message = "60s" }"#)
        .replace(r#"drain-timeout = "5s""#, r#"drain-timeout = "1s""#);
    scene.write(&part)?;
    scene.reloaded(1, "added=1 removed=0 changed=0 unchanged=1")?;
    let (before, slow) = (Draft::new("k", "before"), Draft::new("k", "slow:8000"));
    pass(&client, &stuck, std::slice::from_ref(&before))?;
    stuck.begin(&client, &scene.daemon, std::slice::from_ref(&slow))?;
    scene.write("")?;
    let (code, report, words) = pelton(scene.folder(), &["reload", "--json"])?;
    assert_eq!(
        (code, &report["problem"]),
        (0, &serde_json::Value::Null),
        "{words}"
    );
    scene
        .daemon
        .wait_for_log("the drain ran into its deadline", LIMIT)?;
    assert_eq!(committed(&client, &stuck)?, [Some(1)], "it is not finished");
    scene.reloaded(2, "added=0 removed=1 changed=0 unchanged=1 unfinished=1")?;
    // Whether the watcher or whoever asked was first.
    let change = match &report["last"] {
        Value::Null => &report,
        last => last,
    };
    assert_eq!(
        (&change["removed"][0], &change["unfinished"]),
        (&stuck.handler.as_str().into(), &1.into()),
        "{report:#}"
    );
    scene.write(&part)?;
    client.wait_for_all_committed(&stuck.group, &stuck.input, LIMIT)?;
    let outputs = client.read_all(&stuck.output)?;
    Copies::of(&[before, slow], &outputs).exactly_once()?;
    // What was cut short then is no blemish of a stop that leaves nothing behind.
    ensure!(scene.daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

#[test]
fn changes_in_quick_succession_end_in_the_last_one() -> Result<()> {
    let cluster = TestCluster::shared();
    let client = cluster.client()?;
    let slow = Stage::new(cluster, "quick-slow", 1)?;
    let last = Stage::new(cluster, "quick-last", 1)?;
    let elsewhere = cluster.create_topic("quick-elsewhere", 1, &[])?;
    let mut scene = Scene::start("beside-quick", "")?;
    scene.write(&slow.handler_config("misbehave", ""))?;
    scene.reloaded(1, "added=1 removed=0 changed=0 unchanged=1")?;
    slow.begin(&client, &scene.daemon, &[Draft::new("k", "slow:4000")])?;
    scene.under_load(|scene| {
        // While the first of these waits for the slow message, the file changes twice and somebody asks.
        scene.write("")?;
        scene.daemon.wait_for_log("handler removed", LIMIT)?;
        let wanted = last.handler_config("passthrough", "");
        scene.write(&wanted.replace(&last.output, &elsewhere))?;
        scene.write(&wanted)?;
        let (code, report, words) = pelton(scene.folder(), &["reload", "--json"])?;
        assert_eq!(
            (code, &report["problem"]),
            (0, &serde_json::Value::Null),
            "{words}"
        );
        let drafts = orders(100);
        pass(&client, &last, &drafts)?;
        Copies::of(&drafts, &client.read_all(&last.output)?).exactly_once()
    })?;
    assert_eq!(
        committed(&client, &slow)?,
        [Some(1)],
        "it was finished first"
    );
    // Nothing is left to be done: the file has been read since it was last written.
    let (_, report, _) = pelton(scene.folder(), &["reload", "--json"])?;
    assert_eq!(
        report["unchanged"].as_array().map(Vec::len),
        Some(2),
        "{report:#}"
    );
    ensure!(
        scene.daemon.log_count(" changed=1") <= 1,
        "it begins anew once at the most"
    );
    ensure!(scene.daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

#[test]
fn one_that_has_failed_begins_anew_when_somebody_asks() -> Result<()> {
    let cluster = TestCluster::shared();
    let client = cluster.client()?;
    let picky = Stage::new(cluster, "picky", 1)?;
    let mut scene = Scene::start("beside-picky", "")?;
    scene.under_load(|scene| {
        // Nothing is committed, and it may not choose where to begin.
        scene.write(&picky.handler_config("passthrough", r#"start = "error""#))?;
        scene
            .daemon
            .wait_for_log("handler stopped for good", LIMIT)?;
        client.commit(&picky.group, &picky.input, &[0])?;
        let (code, report, words) = pelton(scene.folder(), &["reload", "--json"])?;
        assert_eq!(
            (code, &report["changed"][0]),
            (0, &picky.handler.as_str().into()),
            "{words}"
        );
        pass(&client, &picky, &orders(100))
    })?;
    ensure!(scene.daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

/// That the others can fail: a neighbour that is changed itself loses and repeats nothing, and is found to have been
/// rebalanced.
#[test]
fn a_neighbour_that_is_changed_itself_is_found_out() -> Result<()> {
    let mut scene = Scene::start("changed-itself", "")?;
    let found = scene.under_load(|scene| {
        scene.replace(&scene.altered("200ms", "300ms")?)?;
        scene.reloaded(1, "added=0 removed=0 changed=1 unchanged=0")
    });
    let found = found.map_or_else(|error| error.to_string(), |()| "nothing".to_owned());
    ensure!(found.contains("was rebalanced"), "{found}");
    ensure!(scene.daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}
