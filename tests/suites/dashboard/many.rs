//! A hundred handlers and a thousand partitions stay fluid.

use std::{
    fmt::Write,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result, ensure};
use pelton_harness::{DaemonOptions, Page, Screen, Stage, TestCluster, TestDaemon, orders};
use serde_json::json;

use crate::{LIMIT, below, open, picture, toggle, well};

/// Handlers of one daemon.
const HANDLERS: usize = 100;
/// Partitions of each of two topics.
const PARTITIONS: i32 = 500;

/// One of them at a time: together they would mostly show what the machine can take.
static TURN: Mutex<()> = Mutex::new(());

/// The longest that the page was busy with one thing, in milliseconds, while it was asked for how everything stands so
/// often.
fn longest_task(page: &Page<'_>, daemon: &TestDaemon, looks: usize) -> Result<f64> {
    page.value(
        "(window.tasks = [], new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map((task) => task.duration))).observe({ type: 'longtask' }))",
    )?;
    let asked = |page: &Page<'_>| {
        page.requests()
            .iter()
            .filter(|one| one.ends_with("/v1/status"))
            .count()
    };
    let before = asked(page);
    pelton_harness::wait::until_true("the page to look again and again", LIMIT, || {
        Ok(asked(page) >= before + looks)
    })?;
    ensure!(page.errors().is_empty(), "{:?}", daemon.tail(5));
    page.value("Math.max(0, ...window.tasks)")?
        .as_f64()
        .context("a number")
}

#[test]
fn a_hundred_handlers_are_shown_found_and_updated_in_place() -> Result<()> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let cluster = TestCluster::shared();
    let stage = Stage::new(cluster, "hundred", 1)?;
    let mut text = format!(
        "[clusters.default]\nbootstrap-servers = [\"{}\"]\n",
        cluster.bootstrap()
    );
    for number in 0..HANDLERS {
        let (handler, input, output) = (&stage.handler, &stage.input, &stage.output);
        write!(
            text,
            "[handlers.{handler}-{number:02}]\ncomponent = \"passthrough.wasm\"\ntopics = [\"{input}\"]\noutputs = [\"{output}\"]\n\
             dead-letter = {{ on-exhausted = \"skip\" }}\nlimits = {{ instances = 1 }}\n"
        )?;
    }
    let mut daemon = DaemonOptions::new("hundred")?
        .component("passthrough")?
        .config(&text)?
        // It is about the page, and so many machines would fill a disk.
        .unrecorded()
        .start()?;
    let page = open(&daemon, Screen::LAPTOP)?;
    page.wait_for_text("#verdict", "100 handlers")?;
    page.wait(
        "all of them",
        "document.querySelectorAll('.handler').length === 100",
    )?;
    daemon.wait_ready(LIMIT)?;
    page.wait_for_text("#verdict", "All 100 handlers are running")?;
    page.value("document.querySelectorAll('.handler').forEach((one) => one.setAttribute('data-kept', 'yes'))")?;
    page.press("/")?;
    page.enter("-42")?;
    let shown = "[...document.querySelectorAll('.handler')].filter((one) => !one.hidden).length";
    page.wait("the one", &format!("{shown} === 1"))?;
    page.value("(document.querySelector('#filter').value = '', document.querySelector('#filter').dispatchEvent(new Event('input')))")?;
    let longest = longest_task(&page, &daemon, 3)?;
    ensure!(page.value("document.querySelectorAll('.handler[data-kept=yes]').length")? == 100);
    println!("100 handlers: the page was busy for {longest} ms at the most");
    picture(&page, daemon.folder(), "hundred")?;
    well(&page, &daemon)
}

#[test]
fn a_thousand_partitions_unfold_the_worst_first_and_all_when_asked_for() -> Result<()> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let cluster = TestCluster::shared();
    let client = cluster.client()?;
    let stage = Stage::named(cluster.bootstrap(), "thousand");
    let second = format!("{}-too", stage.input);
    for topic in [&stage.input, &second] {
        cluster.create_topic_named(topic, PARTITIONS, &[])?;
    }
    cluster.create_topic_named(&stage.output, 1, &[])?;
    let skips = "dead-letter = { on-exhausted = \"skip\" }";
    let one = format!("[\"{}\"]", stage.input);
    let both = format!("[\"{}\", \"{second}\"]", stage.input);
    let text = stage.config("passthrough", skips).replace(&one, &both);
    let daemon = DaemonOptions::new(&stage.handler)?
        .component("passthrough")?
        .config(&text)?
        // It is about the page, and so many machines would fill a disk.
        .unrecorded()
        .start()?;
    let page = open(&daemon, Screen::LAPTOP)?;
    page.wait_for_text("#verdict", "The handler is running")?;
    page.click(&toggle(&stage.handler))?;
    page.wait_for_text(&below(&stage.handler, ".more"), "50 of 1,000 partitions")?;
    let rows = format!(
        "document.querySelectorAll({}).length",
        json!(below(&stage.handler, "tbody tr"))
    );
    page.wait("the first rows", &format!("{rows} === 50"))?;
    page.click(&below(&stage.handler, ".more button"))?;
    page.wait("all rows", &format!("{rows} === 1000"))?;
    client.produce(&stage.input, &orders(3_000))?;
    let sum = format!(
        "[...document.querySelectorAll({})].reduce((sum, cell) => sum + Number(cell.innerText), 0)",
        json!(below(&stage.handler, "tbody td:nth-child(5)"))
    );
    page.wait("all to be committed", &format!("{sum} === 3000"))?;
    let longest = longest_task(&page, &daemon, 3)?;
    println!("1,000 partitions: the page was busy for {longest} ms at the most");
    picture(&page, daemon.folder(), "thousand")?;
    page.click(&below(&stage.handler, ".more button"))?;
    page.wait("the first rows again", &format!("{rows} === 50"))?;
    well(&page, &daemon)
}
