//! What status says is seen, live, and whatever it says is only text.

use anyhow::{Result, ensure};
use pelton_harness::{Screen, Stage, TestCluster, orders};
use serde_json::json;

use crate::{
    HOSTILE, LIMIT, below, choose, finish, item,
    office::{CALM, office},
    open, picture, toggle, well,
};

#[test]
fn each_handler_stands_there_in_plain_words_and_the_worst_comes_first() -> Result<()> {
    let office = office();
    let page = open(&office.daemon, Screen::LAPTOP)?;
    page.wait_for_text("#verdict", "of 3 handlers")?;
    page.wait_for_text("#verdict", "1 waiting")?;
    page.wait_for_text("#about", "pelton.toml")?;
    page.wait_for_text(&item(&office.calm.handler, ".state"), "running")?;
    page.wait_for_text(&item(&office.calm.handler, ".who"), "Revision ")?;
    page.wait_for_text(&item(&office.calm.handler, ".figures"), "Lag\n0")?;
    page.wait_for_text(&item(&office.waiting.handler, ".state"), "waiting")?;
    page.wait_for_text(&item(&office.waiting.handler, ".reasons"), "nowhere.wasm")?;
    let first = page.value("document.querySelector('.handler').dataset.state")?;
    ensure!(first != "running", "{first} stands first");
    ensure!(
        page.value("document.title")?
            .as_str()
            .is_some_and(|title| title.contains("waiting"))
    );
    picture(&page, office.daemon.folder(), "overview-light")?;
    well(&page, &office.daemon)
}

#[test]
fn the_oldest_unfinished_message_and_the_last_error_say_where_and_why() -> Result<()> {
    let office = office();
    let page = open(&office.daemon, Screen::LAPTOP)?;
    let stuck = &office.stuck;
    let place = format!(
        "Oldest unfinished: {}/0 offset 0, retrying for",
        stuck.input
    );
    page.wait_for_text(&item(&stuck.handler, ""), &place)?;
    page.wait_for_text(&item(&stuck.handler, ""), "attempt 2 in")?;
    page.wait_for_text(&item(&stuck.handler, ""), "offset 0, attempt 1")?;
    page.wait_for_text(&item(&stuck.handler, ".figures"), "Lag\n2")?;
    well(&page, &office.daemon)
}

#[test]
fn partitions_unfold_with_position_committed_lag_and_what_is_in_flight() -> Result<()> {
    let office = office();
    let page = open(&office.daemon, Screen::LAPTOP)?;
    for handler in [&office.calm.handler, &office.stuck.handler] {
        page.click(&toggle(handler))?;
        page.wait_for_text(&below(handler, "thead"), "Committed")?;
    }
    let rows = format!(
        "document.querySelectorAll({:?}).length",
        below(&office.calm.handler, "tbody tr")
    );
    page.wait("a row for each partition", &format!("{rows} === 3"))?;
    let sum = format!(
        "[...document.querySelectorAll({:?})].reduce((sum, cell) => sum + Number(cell.innerText), 0)",
        below(&office.calm.handler, "tbody td:nth-child(5)")
    );
    page.wait("all to be committed", &format!("{sum} === {CALM}"))?;
    let row = below(&office.stuck.handler, "tbody tr");
    page.wait_for_text(&row, "0, retrying for")?;
    let cells = page.value(&format!(
        "[...document.querySelectorAll({:?})].slice(0, 4).map((cell) => cell.innerText)",
        below(&office.stuck.handler, "tbody td")
    ))?;
    assert_eq!(
        cells,
        json!(["2", "2", "2", "0"]),
        "lag, in flight, position, committed"
    );
    picture(&page, office.daemon.folder(), "partitions")?;
    page.click(&toggle(&office.calm.handler))?;
    page.wait(
        "it to fold up",
        &format!(
            "document.querySelector({:?}).hidden",
            below(&office.calm.handler, "").trim()
        ),
    )?;
    well(&page, &office.daemon)
}

#[test]
fn an_error_and_a_group_that_look_like_markup_are_only_text() -> Result<()> {
    let office = office();
    let page = open(&office.daemon, Screen::LAPTOP)?;
    let stuck = &office.stuck.handler;
    page.wait_for_text(&item(stuck, ""), HOSTILE)?;
    page.click(&toggle(stuck))?;
    page.wait_for_text(&below(stuck, ".about"), &office.stuck.group)?;
    let made = page.value("document.querySelectorAll('.handlers img, .handlers script').length")?;
    ensure!(made == 0, "{made} elements were made of text");
    well(&page, &office.daemon)
}

#[test]
fn what_is_looked_for_is_found_by_name_topic_and_state() -> Result<()> {
    let office = office();
    let page = open(&office.daemon, Screen::LAPTOP)?;
    let shown = "[...document.querySelectorAll('.handler')].filter((one) => !one.hidden).length";
    page.wait("all three", &format!("{shown} === 3"))?;
    page.press("/")?;
    page.enter(&office.stuck.input.to_uppercase())?;
    page.wait("the one with that topic", &format!("{shown} === 1"))?;
    page.wait(
        "the right one",
        &format!(
            "document.querySelector({:?}).checkVisibility()",
            item(&office.stuck.handler, "")
        ),
    )?;
    page.enter(" and nothing else")?;
    page.wait_for_text("#none", "No handler is like that")?;
    page.value("(document.querySelector('#filter').value = '', document.querySelector('#filter').dispatchEvent(new Event('input')))")?;
    page.click(".chip[data-state=waiting]")?;
    page.wait("the waiting one alone", &format!("{shown} === 1"))?;
    page.click(".chip[data-state=waiting]")?;
    page.wait("all again", &format!("{shown} === 3"))?;
    well(&page, &office.daemon)
}

#[test]
fn what_changes_is_changed_in_place_and_throughput_is_told() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "live", 1)?);
    let mut daemon = stage.daemon("passthrough", "")?.start()?;
    daemon.wait_ready(LIMIT)?;
    let page = open(&daemon, Screen::LAPTOP)?;
    page.click(&toggle(&stage.handler))?;
    page.wait_for_text(
        &below(&stage.handler, "tbody tr"),
        &format!("{}/0", stage.input),
    )?;
    let marked = format!(
        "document.querySelector({:?})",
        below(&stage.handler, "tbody tr")
    );
    page.value(&format!("{marked}.setAttribute('data-kept', 'yes')"))?;
    client.produce(&stage.input, &orders(500))?;
    // A throughput lasts for ten seconds: it may be over when the last commit is seen, and is seen before or after.
    page.wait(
        "a throughput, and all to be committed",
        &format!(
            "(window.moved ||= Number(document.querySelector({:?}).innerText) > 0) && document.querySelector({:?}).innerText === '500'",
            item(&stage.handler, ".figures div:nth-child(2) dd"),
            below(&stage.handler, "tbody td:nth-child(5)")
        ),
    )?;
    let kept = page.value(&format!("{marked}.dataset.kept"))?;
    ensure!(kept == "yes", "the row was made anew");
    let focused = format!(
        "document.activeElement === document.querySelector({:?})",
        toggle(&stage.handler)
    );
    ensure!(page.value(&focused)? == true, "the focus was lost");
    finish(&page, daemon)
}

#[test]
fn the_last_hour_is_drawn_and_is_there_again_when_the_page_is_loaded_anew() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "hour", 1)?);
    let mut daemon = stage.daemon("passthrough", "")?.start()?;
    daemon.wait_ready(LIMIT)?;
    client.produce(&stage.input, &orders(1_000))?;
    let page = open(&daemon, Screen::LAPTOP)?;
    // A point comes every ten seconds, and two of them make a throughput.
    let drawn = format!(
        "document.querySelector({:?})?.getAttribute('d')?.length > 0 && document.querySelector({:?}).innerText !== 'at most 0'",
        below(&stage.handler, ".chart .stroke"),
        below(&stage.handler, ".chart figcaption :last-child")
    );
    page.click(&toggle(&stage.handler))?;
    choose(&page, &stage.handler, "Last-hour")?;
    page.wait("a line", &drawn)?;
    let latency = format!(
        "[...document.querySelectorAll({:?})].filter((chart) => /99 % within.*m?s/s.test(chart.innerText) && chart.querySelector('.stroke').getAttribute('d')).length === 1",
        below(&stage.handler, ".chart")
    );
    page.wait("how long messages took", &latency)?;
    picture(&page, daemon.folder(), "hour")?;
    page.reload()?;
    page.wait(
        "the handler to be unfolded as before",
        &format!(
            "document.querySelector({:?})?.ariaExpanded === 'true'",
            toggle(&stage.handler)
        ),
    )?;
    choose(&page, &stage.handler, "Last-hour")?;
    page.wait("the line to be there again", &drawn)?;
    finish(&page, daemon)
}

/// The control of what [`well`] looks for: it is found where it happens.
#[test]
fn the_hostile_text_runs_where_it_is_taken_for_markup() -> Result<()> {
    let page = pelton_harness::Browser::shared().page(Screen::LAPTOP)?;
    let write = format!("document.body.innerHTML = {}", json!(HOSTILE));
    page.value(&write)?;
    page.wait("it to run", "window.name === 'ran'")?;
    page.value("setTimeout(() => { throw new Error('thrown') })")?;
    pelton_harness::wait::until_true("the exception to be heard of", LIMIT, || {
        Ok(page.errors().iter().any(|error| error.contains("thrown")))
    })
}
