//! What is clicked is done, once it is confirmed, and what comes of it is told.

use std::fs;

use anyhow::{Result, ensure};
use pelton_harness::{Screen, Stage, TestCluster, component, paths};

use crate::{LIMIT, below, choose, click_in_dialog, finish, item, open, picture, toggle};

#[test]
fn a_handler_is_paused_and_resumed_by_clicking_and_each_is_one_line_in_the_log() -> Result<()> {
    let cluster = TestCluster::shared();
    let stage = Stage::new(cluster, "clicked", 1)?;
    let mut daemon = stage.daemon("passthrough", "")?.start()?;
    daemon.wait_ready(LIMIT)?;
    let page = open(&daemon, Screen::LAPTOP)?;
    page.click(&toggle(&stage.handler))?;
    let button = below(&stage.handler, ".about button");
    page.wait_for_text(&button, "Pause")?;
    page.click(&button)?;
    page.wait_for_text("dialog[open]", &format!("Pause {}?", stage.handler))?;
    picture(&page, daemon.folder(), "pause")?;
    click_in_dialog(&page, "Pause")?;
    page.wait_for_text("#said", "is paused")?;
    page.wait_for_text(&item(&stage.handler, ".state"), "paused")?;
    ensure!(daemon.metric("pelton_paused", &[&stage.handler])? == 1.0);
    page.wait_for_text(&button, "Resume")?;
    page.click(&button)?;
    click_in_dialog(&page, "Resume")?;
    page.wait_for_text(&item(&stage.handler, ".state"), "running")?;
    ensure!(daemon.metric("pelton_paused", &[&stage.handler])? == 0.0);
    daemon.wait_for_log_times("an operator asked for a change", 2, LIMIT)?;
    ensure!(daemon.log_count("an operator asked for a change") == 2);
    finish(&page, daemon)
}

#[test]
fn who_cancels_changes_nothing() -> Result<()> {
    let cluster = TestCluster::shared();
    let stage = Stage::new(cluster, "cancelled", 1)?;
    let mut daemon = stage.daemon("passthrough", "")?.start()?;
    daemon.wait_ready(LIMIT)?;
    let page = open(&daemon, Screen::LAPTOP)?;
    page.click(&toggle(&stage.handler))?;
    page.click(&below(&stage.handler, ".about button"))?;
    click_in_dialog(&page, "Cancel")?;
    page.wait("the dialog to go", "!document.querySelector('dialog')")?;
    page.click("#reload")?;
    page.press("Escape")?;
    page.wait("the dialog to go", "!document.querySelector('dialog')")?;
    ensure!(daemon.log_count("an operator asked for a change") == 0);
    let asked = page.requests();
    ensure!(
        !asked
            .iter()
            .any(|one| one.ends_with("/pause") || one.ends_with("/reload"))
    );
    finish(&page, daemon)
}

#[test]
fn a_revision_is_rolled_back_by_clicking_and_a_bad_file_is_told_of() -> Result<()> {
    let cluster = TestCluster::shared();
    let stage = Stage::new(cluster, "rolled", 1)?;
    let mut daemon = stage.daemon("passthrough", "")?.start()?;
    daemon.wait_for_log("revision runs", LIMIT)?;
    daemon.wait_ready(LIMIT)?;
    let page = open(&daemon, Screen::LAPTOP)?;
    page.click(&toggle(&stage.handler))?;
    choose(&page, &stage.handler, "Revisions")?;
    let running = below(&stage.handler, ".pairs div:first-child dd");
    page.wait_for_text(&running, "component ")?;
    // Not what stands behind it while another is tried.
    let shown = format!(
        "document.querySelector({running:?})?.innerText.match(/^\\S+ \\(component \\w+\\)/)?.[0]"
    );
    let first = page.value(&shown)?;
    ensure!(first.is_string(), "{first}");
    let file = daemon.folder().join("passthrough.wasm");
    let good = fs::read(paths::guest("passthrough")?)?;
    component::replace(&file, &component::variant(&good, 7))?;
    let another = format!("{shown} && {shown} !== {first}");
    page.wait("another revision", &another)?;
    let actions = below(&stage.handler, ".actions button");
    page.click(&actions)?;
    page.wait_for_text("dialog[open]", &format!("Roll {} back?", stage.handler))?;
    click_in_dialog(&page, "Roll back")?;
    daemon.wait_for_log("revision rolled back", LIMIT)?;
    page.wait("the first one", &format!("{shown} === {first}"))?;
    page.wait_for_text(
        &below(&stage.handler, ".problem:not([hidden])"),
        "is not taken",
    )?;
    picture(&page, daemon.folder(), "revisions")?;

    // What was rolled back is not loaded again, and the dialog says why.
    page.click(&format!("{actions}:nth-child(2)"))?;
    click_in_dialog(&page, "Load")?;
    page.wait_for_text("dialog[open] .problem", "rolled back")?;
    click_in_dialog(&page, "Close")?;
    page.click(&format!("{actions}:nth-child(3)"))?;
    click_in_dialog(&page, "Load it all the same")?;
    page.wait("the second one", &another)?;
    finish(&page, daemon)
}

#[test]
fn the_configuration_is_reloaded_by_clicking_and_a_mistake_in_it_changes_nothing() -> Result<()> {
    let cluster = TestCluster::shared();
    let stage = Stage::new(cluster, "reloaded", 1)?;
    let mut daemon = stage.daemon("passthrough", "")?.start()?;
    daemon.wait_ready(LIMIT)?;
    let page = open(&daemon, Screen::LAPTOP)?;
    page.click("#reload:enabled")?;
    click_in_dialog(&page, "Reload")?;
    page.wait_for_text("#said", "nothing has changed")?;
    let file = daemon.folder().join("pelton.toml");
    let text = fs::read_to_string(&file)?;
    fs::write(&file, format!("{text}\nnonsense = <b>1</b>\n"))?;
    page.click("#reload")?;
    click_in_dialog(&page, "Reload")?;
    page.wait_for_text("dialog[open] .problem", "pelton.toml")?;
    click_in_dialog(&page, "Close")?;
    page.wait_for_text(&item(&stage.handler, ".state"), "running")?;
    finish(&page, daemon)
}
