//! Dead letters are found, looked at byte for byte, and given back; whatever is in them is only text.

use std::fs;

use anyhow::{Result, ensure};
use pelton_harness::{Client, Draft, Screen, Stage, TestCluster, TestDaemon, command::pelton};
use serde_json::json;

use crate::{HOSTILE, LIMIT, below, choose, click_in_dialog, finish, open, picture, toggle};

/// A line of the handler's table by which it rejects whatever comes.
const REJECTS: &str = r#"settings = { mode = "reject" }"#;

/// A daemon that has rejected these.
fn rejecting(client: &Client, stage: &Stage, drafts: &[Draft]) -> Result<TestDaemon> {
    let mut daemon = stage.daemon("misbehave", REJECTS)?.start()?;
    client.produce(&stage.input, drafts)?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    daemon.wait_ready(LIMIT)?;
    Ok(daemon)
}

#[test]
fn keys_headers_and_values_that_look_like_markup_are_shown_and_do_nothing() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "hostile", 1)?);
    let hostile = Draft::new(HOSTILE, HOSTILE).header(HOSTILE, HOSTILE);
    let bytes = Draft::new("bytes", vec![0, 255, 16, 128]);
    let daemon = rejecting(&client, &stage, &[hostile, bytes])?;
    let page = open(&daemon, Screen::LAPTOP)?;
    page.click(&toggle(&stage.handler))?;
    choose(&page, &stage.handler, "Dead-letters")?;
    page.wait_for_text(
        &below(&stage.handler, ".more [role=status]"),
        "2 dead letters",
    )?;
    let first = below(&stage.handler, ".letters li:nth-child(1)");
    page.wait_for_text(&first, &format!("{}/0@0", stage.input))?;
    page.wait_for_text(&first, &format!("key {HOSTILE}"))?;
    page.click(&format!("{first} .letter"))?;
    page.wait_for_text(&format!("{first} .headers dt"), HOSTILE)?;
    page.wait_for_text(&format!("{first} .headers dd"), HOSTILE)?;
    let value = format!("{first} .about + pre");
    page.wait_for_text(&value, HOSTILE)?;
    picture(&page, daemon.folder(), "letter")?;
    page.click(&format!("{first} .ways button:nth-child(2)"))?;
    page.wait_for_text(&value, "000000  3c 69 6d 67 20 73 72 63")?;
    let second = below(&stage.handler, ".letters li:nth-child(2)");
    page.click(&format!("{second} .letter"))?;
    page.wait_for_text(&format!("{second} .about + pre"), "00 ff 10 80")?;
    let made = page.value("document.querySelectorAll('.handlers img, .handlers script').length")?;
    ensure!(made == 0, "{made} elements were made of text");
    page.show_on(Screen::PHONE)?;
    let scrolls =
        page.value("document.documentElement.scrollWidth - document.documentElement.clientWidth")?;
    ensure!(scrolls == 0, "scrolls by {scrolls}");
    page.value(&format!(
        "document.querySelector({}).scrollIntoView()",
        json!(first)
    ))?;
    picture(&page, daemon.folder(), "letter-phone")?;
    finish(&page, daemon)
}

#[test]
fn letters_are_narrowed_down_and_redriven_one_by_one_and_together() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "givenback", 1)?);
    let drafts = ["a", "b", "c"].map(|key| Draft::new(key, "where"));
    let mut daemon = rejecting(&client, &stage, &drafts)?;
    let file = daemon.folder().join("pelton.toml");
    fs::write(&file, fs::read_to_string(&file)?.replace(REJECTS, ""))?;
    let (code, _, words) = pelton(daemon.folder(), &["reload"])?;
    ensure!(code == 0, "{code}: {words}");
    let page = open(&daemon, Screen::LAPTOP)?;
    page.click(&toggle(&stage.handler))?;
    choose(&page, &stage.handler, "Dead-letters")?;
    let summary = below(&stage.handler, ".more [role=status]");
    page.wait_for_text(&summary, "3 dead letters")?;

    page.click(&below(&stage.handler, "[name=key]"))?;
    page.enter("b")?;
    page.press("Enter")?;
    page.wait_for_text(&summary, "1 dead letter")?;
    page.click(&below(&stage.handler, ".letters .letter"))?;
    page.click(&below(&stage.handler, ".opened .actions button"))?;
    page.wait_for_text("dialog[open]", "Redrive 1 dead letter?")?;
    page.wait_for_text("dialog[open]", &format!("{}.retry", stage.group))?;
    click_in_dialog(&page, "Redrive")?;
    page.wait_for_text("#said", "1 dead letter redriven")?;
    client.read_at_least(&stage.output, 1, LIMIT)?;

    // Of all of them the one that was redriven stays.
    page.value("document.querySelector('[name=key]').value = ''")?;
    page.click(&below(&stage.handler, ".narrowing button"))?;
    page.wait_for_text(&summary, "3 dead letters")?;
    // What is meant is what was found, not what has been written above it since.
    page.value("document.querySelector('[name=key]').value = 'nobody'")?;
    page.click(&below(&stage.handler, ".more:has([role=status]) button"))?;
    page.wait_for_text("dialog[open]", "Redrive 2 dead letters?")?;
    page.wait_for_text("dialog[open]", "1 stays: redriven before")?;
    picture(&page, daemon.folder(), "redrive")?;
    click_in_dialog(&page, "Redrive")?;
    page.wait_for_text("#said", "2 dead letters redriven")?;
    let outputs = client.read_at_least(&stage.output, 3, LIMIT)?;
    let mut keys: Vec<_> = outputs.iter().filter_map(|one| one.key.clone()).collect();
    keys.sort();
    assert_eq!(keys, [b"a", b"b", b"c"]);
    // A reload, two looks at what would be, and two redrives.
    daemon.wait_for_log_times("an operator asked for a change", 5, LIMIT)?;
    ensure!(daemon.log_count("execute=true") == 2, "which of them wrote");
    finish(&page, daemon)
}
