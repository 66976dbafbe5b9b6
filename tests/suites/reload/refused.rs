//! What is refused changes nothing and is told, to whoever asks, in the log and as a metric.

use anyhow::{Result, ensure};
use pelton_harness::{Stage, TestCluster, TestDaemon, command::pelton, http, orders};

use crate::support::{LIMIT, Scene, pass};

fn refusals(daemon: &TestDaemon) -> Result<(f64, f64)> {
    let counted = daemon.metric("pelton_reloads_total", &["outcome=\"refused\""])?;
    Ok((counted, daemon.metric("pelton_configuration_refused", &[])?))
}

#[test]
fn a_bad_file_changes_nothing_and_says_where_and_why() -> Result<()> {
    let cluster = TestCluster::shared();
    let client = cluster.client()?;
    let other = Stage::new(cluster, "after-bad", 1)?;
    let mut scene = Scene::start("beside-bad", "")?;
    assert_eq!(refusals(&scene.daemon)?, (0.0, 0.0));
    let good = other.handler_config("passthrough", "");
    let bad = good.replace("commit-interval", "comit-interval");
    let text = scene.text(&bad);
    let line = text
        .lines()
        .position(|line| line.starts_with("comit-interval"));
    let place = format!("pelton.toml:{}:1", line.unwrap_or_default() + 1);
    let admin = admin(&text)?;
    scene.under_load(|scene| {
        scene.replace(&text)?;
        scene.daemon.wait_for_log("configuration refused", LIMIT)?;
        scene.daemon.wait_for_log(&place, LIMIT)?;
        // Whoever reads the file beforehand, for the daemon's address, is told of it by that.
        for asked in [&["reload"][..], &["reload", "--admin", &admin]] {
            let (code, _, words) = pelton(scene.folder(), asked)?;
            ensure!(code == 78, "{code}: {words}");
            ensure!(
                words.contains(&place) && words.contains("comit-interval = "),
                "{words}"
            );
        }
        // What stands in those lines may be a password: the daemon hands them out to nobody.
        let marked = [("x-pelton", "test")];
        let answer = http::request(&admin, "POST", "/v1/reload", &marked)?;
        ensure!(
            answer.status == 409 && answer.body.contains(&place),
            "{answer:?}"
        );
        ensure!(!answer.body.contains("comit-interval = "), "{answer:?}");
        let (counted, now) = refusals(&scene.daemon)?;
        ensure!(counted >= 2.0 && now == 1.0, "{counted}, {now}");
        ensure!(
            scene.daemon.log_count("handler added") == 0,
            "nothing of it is done"
        );
        scene.write(&good)?;
        pass(&client, &other, &orders(100))
    })?;
    assert_eq!(refusals(&scene.daemon)?.1, 0.0, "it is mended");
    ensure!(scene.daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

#[test]
fn what_needs_a_restart_and_loops_of_the_whole_file_are_refused() -> Result<()> {
    let cluster = TestCluster::shared();
    let mut scene = Scene::start("beside-refused", "")?;
    let (one, two) = (
        Stage::new(cluster, "loop", 1)?,
        Stage::new(cluster, "back", 1)?,
    );
    // Each is fine by itself; together they are a circle.
    let circle = two
        .handler_config("passthrough", "")
        .replace(&two.input, &one.output)
        .replace(&two.output, &one.input);
    let both = one.handler_config("passthrough", "") + &circle;
    let memory = scene.text("[daemon]\nmemory = \"64 MiB\"");
    let moved = scene.altered("listen = \"127.0.0.1:", "listen = \"127.0.0.2:")?;
    let looped = scene.text(&both);
    let admin = admin(&memory)?;
    scene.under_load(|scene| {
        for (text, said) in [
            (memory, "daemon.memory"),
            (moved, "admin.listen"),
            (looped, "loop"),
        ] {
            scene.replace(&text)?;
            let (code, _, words) = pelton(scene.folder(), &["reload", "--admin", &admin])?;
            ensure!(
                code == 78 && words.contains(said),
                "{said}: {code}: {words}"
            );
        }
        Ok(())
    })?;
    ensure!(
        scene.daemon.log_count("configuration reloaded") == 0,
        "nothing of it is done"
    );
    // As it was before, there is nothing to refuse.
    scene.write("")?;
    let (code, report, words) = pelton(scene.folder(), &["reload", "--json"])?;
    assert_eq!(
        (code, report["unchanged"].as_array().map(Vec::len)),
        (0, Some(1)),
        "{words}"
    );
    assert_eq!(refusals(&scene.daemon)?.1, 0.0);
    ensure!(scene.daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

#[test]
fn properties_that_librdkafka_refuses_are_found_before_anybody_is_drained() -> Result<()> {
    let mut scene = Scene::start("bad-property", "")?;
    let table = "[clusters.default]";
    let property = scene.altered(
        r#"commit-interval = "200ms""#,
        "commit-interval = \"300ms\"\nconsumer-properties = { \"fetch.wait.max.mss\" = 5 }",
    )?;
    let file = scene.altered(
        table,
        &format!(
            "{table}\nproperties = {{ \"security.protocol\" = \"ssl\", \"ssl.ca.location\" = \"/none\" }}"
        ),
    )?;
    let name = scene.handler().to_owned();
    scene.under_load(|scene| {
        for (n, (text, said)) in [(property, "fetch.wait.max.mss"), (file, "ssl.ca.location")]
            .into_iter()
            .enumerate()
        {
            scene.replace(&text)?;
            let (code, _, words) = pelton(scene.folder(), &["reload"])?;
            ensure!(
                code == 78 && words.contains(said) && words.contains(&name),
                "{said}: {code}: {words}"
            );
            let (counted, now) = refusals(&scene.daemon)?;
            ensure!(counted > n as f64 && now == 1.0, "{counted}, {now}");
        }
        Ok(())
    })?;
    for done in [
        "handler changed",
        "configuration reloaded",
        "stopped for good",
    ] {
        ensure!(scene.daemon.log_count(done) == 0, "{done}");
    }
    ensure!(scene.daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

/// Where a daemon of this configuration can be asked.
fn admin(text: &str) -> Result<String> {
    let listen = text.lines().find_map(|line| line.strip_prefix("listen = "));
    let listen = listen.ok_or_else(|| anyhow::anyhow!("no address"))?;
    Ok(listen.trim_matches('"').to_owned())
}
